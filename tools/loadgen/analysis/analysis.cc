#include "tools/loadgen/analysis/analysis.h"

#include <algorithm>
#include <utility>

#include "tools/loadgen/analysis/validity.h"
#include "tools/loadgen/analysis/verdict.h"

namespace smartbatch::loadgen {
namespace {

// The samples of one slice while they are collected.
struct SliceSamples {
  Sample latencies_ms;
  Sample slowdowns;
  std::uint64_t due = 0;

  void Add(const RequestRecord& record, const std::optional<CostModel>& cost) {
    ++due;
    if (!record.answered()) return;
    latencies_ms.Add(record.latency_ms());
    if (cost) slowdowns.Add(record.latency_ms() / 1e3 / cost->Seconds(record.sequences, record.longest));
  }
  Slice Finish(const std::string& name, double seconds) const {
    Slice slice;
    slice.name = name;
    slice.latency = Summarize(latencies_ms);
    slice.due = due;
    slice.answered = latencies_ms.count();
    slice.due_per_second = seconds > 0 ? static_cast<double>(due) / seconds : 0;
    slice.answered_per_second = seconds > 0 ? static_cast<double>(slice.answered) / seconds : 0;
    if (!slowdowns.empty()) slice.slowdown = slowdowns.Mean();
    return slice;
  }
};

// "A2" comes before "A10": a number at the end is compared by its value.
bool NaturallyBefore(const std::string& a, const std::string& b) {
  const std::string group_a = GroupOf(a);
  const std::string group_b = GroupOf(b);
  if (group_a != group_b) return group_a < group_b;
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

// Charges are known only of single blocks: a customer may be in some blocks and not in others.
FairnessFigures FairnessOver(const std::vector<Slice>& customers, const std::vector<const Block*>& blocks) {
  std::map<std::string, double> charged;
  if (blocks.size() == 1) {
    const Block& block = *blocks.front();
    for (std::size_t i = 0; i < block.charged_over_weight.size(); ++i) {
      charged[block.customers[i]] = block.charged_over_weight[i];
    }
  }
  std::vector<CustomerStanding> standings;
  for (const Slice& customer : customers) {
    const auto found = charged.find(customer.name);
    standings.push_back({customer.answered, customer.slowdown,
                         found == charged.end() ? std::nullopt : std::optional<double>(found->second)});
  }
  return FairnessOf(standings);
}

Breakdown BreakDown(const std::vector<const Block*>& blocks, const std::optional<CostModel>& cost) {
  double seconds = 0;
  SliceSamples all;
  std::map<std::string, SliceSamples> groups;
  std::map<std::string, SliceSamples, decltype(&NaturallyBefore)> customers(&NaturallyBefore);
  for (const Block* const block : blocks) {
    seconds += ToSeconds(block->measured);
    std::vector<std::pair<SliceSamples*, SliceSamples*>> slices;
    for (const std::string& name : block->customers) slices.push_back({&groups[GroupOf(name)], &customers[name]});
    for (const RequestRecord& record : block->records) {
      if (!block->Measures(record)) continue;
      all.Add(record, cost);
      slices[record.customer].first->Add(record, cost);
      slices[record.customer].second->Add(record, cost);
    }
  }
  Breakdown breakdown;
  breakdown.all = all.Finish("all", seconds);
  for (const auto& [name, samples] : groups) breakdown.groups.push_back(samples.Finish(name, seconds));
  for (const auto& [name, samples] : customers) breakdown.customers.push_back(samples.Finish(name, seconds));
  breakdown.fairness = FairnessOver(breakdown.customers, blocks);
  return breakdown;
}

void CountBatchesAndFailures(const std::vector<const Block*>& blocks, StrategySummary& summary) {
  double sequences = 0;
  double batches = 0;
  for (const Block* const block : blocks) {
    for (const RequestRecord& record : block->records) {
      if (!block->Measures(record)) continue;
      if (!record.answered()) {
        ++summary.failures[record.status_code];
      } else if (record.batch_share > 0) {
        sequences += record.sequences;
        batches += record.batch_share;
      }
    }
    summary.messages.insert(block->messages.begin(), block->messages.end());
  }
  if (batches > 0) summary.sequences_per_batch = sequences / batches;
  if (summary.measured_seconds > 0) summary.batches_per_second = batches / summary.measured_seconds;
}

// The mean of the repeats' indexes, if each has one.
std::optional<double> ShareIndexOver(const StrategySummary& summary) {
  Sample indexes;
  for (const RepeatSummary& repeat : summary.repeats) {
    if (!repeat.requests.fairness.share_index) return std::nullopt;
    indexes.Add(*repeat.requests.fairness.share_index);
  }
  return indexes.empty() ? summary.requests.fairness.share_index : indexes.Mean();
}

StrategySummary SummarizeStrategy(const std::vector<const Block*>& blocks, const std::optional<CostModel>& cost) {
  StrategySummary summary;
  summary.strategy = blocks.front()->strategy;
  summary.requests = BreakDown(blocks, cost);
  for (const Block* const block : blocks) {
    summary.measured_seconds += ToSeconds(block->measured);
    // A block that was cut short is not a repeat of the others.
    if (!block->interrupted) summary.repeats.push_back({block->repeat, block->seed, BreakDown({block}, cost)});
  }
  std::sort(summary.repeats.begin(), summary.repeats.end(),
            [](const RepeatSummary& a, const RepeatSummary& b) { return a.repeat < b.repeat; });
  summary.requests.fairness.share_index = ShareIndexOver(summary);
  CountBatchesAndFailures(blocks, summary);
  return summary;
}

// The names in the order of their first block.
template <class NameOf>
std::vector<std::string> NamesInOrder(const std::vector<const Block*>& blocks, NameOf name_of) {
  std::vector<std::string> names;
  for (const Block* const block : blocks) {
    if (std::find(names.begin(), names.end(), name_of(*block)) == names.end()) names.push_back(name_of(*block));
  }
  return names;
}

template <class Matches>
std::vector<const Block*> Select(const std::vector<const Block*>& blocks, Matches matches) {
  std::vector<const Block*> selected;
  std::copy_if(blocks.begin(), blocks.end(), std::back_inserter(selected),
               [&](const Block* block) { return matches(*block); });
  return selected;
}

// The figure in every block of every strategy; nothing if one of the blocks does not have it.
template <class FigureOfSlice>
std::vector<Series> SeriesOf(const std::vector<StrategySummary>& strategies, FigureOfSlice figure_of) {
  std::vector<Series> series;
  for (const StrategySummary& strategy : strategies) {
    series.push_back({strategy.strategy.name, {}});
    for (const RepeatSummary& repeat : strategy.repeats) {
      const std::optional<double> value = figure_of(repeat.requests.all);
      if (!value) return {};
      series.back().values.push_back(*value);
    }
  }
  return series;
}

// One answer more or less in a block, in answers a second.
double RateResolution(const std::vector<StrategySummary>& strategies) {
  double resolution = 0;
  for (const StrategySummary& strategy : strategies) {
    const auto repeats = static_cast<double>(strategy.repeats.size());
    if (strategy.measured_seconds > 0) resolution = std::max(resolution, repeats / strategy.measured_seconds);
  }
  return resolution;
}

std::vector<Difference> CompareStrategies(const std::vector<StrategySummary>& strategies) {
  std::vector<Difference> differences;
  const auto compare = [&](const char* figure, const char* unit, const std::vector<Series>& series,
                           double resolution = 0) {
    const auto more = PairedDifferences(figure, unit, series, resolution);
    differences.insert(differences.end(), more.begin(), more.end());
  };
  compare("mean latency", "ms", SeriesOf(strategies, [](const Slice& all) {
            return all.answered > 0 ? std::optional<double>(all.latency.mean) : std::nullopt;
          }));
  compare("median latency", "ms", SeriesOf(strategies, [](const Slice& all) { return all.latency.p50; }));
  compare("p95 latency", "ms", SeriesOf(strategies, [](const Slice& all) { return all.latency.p95; }));
  compare("answers", "1/s",
          SeriesOf(strategies, [](const Slice& all) { return std::optional<double>(all.answered_per_second); }),
          RateResolution(strategies));
  CorrectForMany(differences);
  return differences;
}

const Slice* FindSlice(const Breakdown& requests, const std::string& customer) {
  if (customer.empty()) return &requests.all;
  for (const std::vector<Slice>* const slices : {&requests.customers, &requests.groups}) {
    for (const Slice& slice : *slices) {
      if (slice.name == customer) return &slice;
    }
  }
  return nullptr;
}

std::vector<ObjectiveOutcome> JudgeObjectives(const std::vector<std::string>& texts,
                                              const std::vector<StrategySummary>& strategies) {
  std::vector<ObjectiveOutcome> outcomes;
  for (const std::string& text : texts) {
    const absl::StatusOr<Objective> objective = ParseObjective(text);
    if (!objective.ok()) continue;
    for (const StrategySummary& strategy : strategies) {
      // The customer may belong to another workload.
      const Slice* const slice = FindSlice(strategy.requests, objective->customer);
      if (slice != nullptr) outcomes.push_back({*objective, strategy.strategy.name, FigureOf(*objective, *slice)});
    }
  }
  return outcomes;
}

WorkloadAnalysis AnalyzeWorkload(const std::string& name, const std::vector<const Block*>& blocks,
                                 const std::vector<std::string>& strategy_order, const Provenance& provenance) {
  WorkloadAnalysis analysis;
  analysis.workload = name;
  for (const std::string& strategy : strategy_order) {
    const auto own = Select(blocks, [&](const Block& block) { return block.strategy.name == strategy; });
    if (!own.empty()) analysis.strategies.push_back(SummarizeStrategy(own, provenance.cost));
  }
  analysis.differences = CompareStrategies(analysis.strategies);
  analysis.verdict = VerdictOn(analysis);
  analysis.objectives = JudgeObjectives(provenance.objectives, analysis.strategies);
  return analysis;
}

GeneratorHealth ExamineGenerator(const ResultSet& results) {
  GeneratorHealth health;
  Sample delays_ms;
  double cpu_seconds = 0;
  double seconds = 0;
  std::uint64_t sent = 0;
  for (const Block& block : results.blocks) {
    cpu_seconds += block.generator_cpu_seconds;
    seconds += ToSeconds(block.warm_up + block.measured);
    for (const RequestRecord& record : block.records) {
      if (record.status_code != kStatusNotSent) ++sent;
      if (!block.Measures(record)) continue;
      ++health.due;
      if (record.status_code == kStatusNotSent) ++health.not_sent;
      if (record.status_code == kStatusUnfinished) ++health.unfinished;
      delays_ms.Add(record.dispatch_delay_ms());
    }
  }
  health.dispatch_delay_p50 = delays_ms.Percentile(50);
  health.dispatch_delay_p99 = delays_ms.Percentile(99);
  health.dispatch_delay_maximum = delays_ms.Maximum();
  if (sent > 0) health.cpu_microseconds_per_request = cpu_seconds * 1e6 / static_cast<double>(sent);
  if (seconds > 0) health.cpu_share = cpu_seconds / seconds;
  return health;
}

}  // namespace

bool Analysis::objective_broken() const {
  return std::any_of(workloads.begin(), workloads.end(), [](const WorkloadAnalysis& workload) {
    return std::any_of(workload.objectives.begin(), workload.objectives.end(),
                       [](const ObjectiveOutcome& outcome) { return outcome.broken(); });
  });
}

Analysis Analyze(const ResultSet& results) {
  std::vector<const Block*> blocks;
  for (const Block& block : results.blocks) blocks.push_back(&block);
  // Blocks may have run in random order: show the strategies by name, the workloads in the order of their first blocks.
  auto strategies = NamesInOrder(blocks, [](const Block& block) { return block.strategy.name; });
  std::sort(strategies.begin(), strategies.end());

  Analysis analysis;
  for (const std::string& workload : NamesInOrder(blocks, [](const Block& block) { return block.workload; })) {
    const auto own = Select(blocks, [&](const Block& block) { return block.workload == workload; });
    analysis.workloads.push_back(AnalyzeWorkload(workload, own, strategies, results.provenance));
  }
  analysis.generator = ExamineGenerator(results);
  analysis.defects = FindDefects(results, analysis);
  return analysis;
}

}  // namespace smartbatch::loadgen
