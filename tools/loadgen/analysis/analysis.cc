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
  std::uint64_t due = 0;

  void Add(const RequestRecord& record) {
    ++due;
    if (record.answered()) latencies_ms.Add(record.latency_ms());
  }
  Slice Finish(const std::string& name, double seconds) const {
    Slice slice;
    slice.name = name;
    slice.latency = Summarize(latencies_ms);
    slice.due = due;
    slice.answered = latencies_ms.count();
    slice.answered_per_second = seconds > 0 ? static_cast<double>(slice.answered) / seconds : 0;
    return slice;
  }
};

// "A2" before "A10": numbers at the end by value.
bool NaturallyBefore(const std::string& a, const std::string& b) {
  const std::string group_a = GroupOf(a);
  const std::string group_b = GroupOf(b);
  if (group_a != group_b) return group_a < group_b;
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

Breakdown BreakDown(const std::vector<const Block*>& blocks) {
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
      all.Add(record);
      slices[record.customer].first->Add(record);
      slices[record.customer].second->Add(record);
    }
  }
  Breakdown breakdown;
  breakdown.all = all.Finish("all", seconds);
  for (const auto& [name, samples] : groups) breakdown.groups.push_back(samples.Finish(name, seconds));
  for (const auto& [name, samples] : customers) breakdown.customers.push_back(samples.Finish(name, seconds));
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

StrategySummary SummarizeStrategy(const std::vector<const Block*>& blocks) {
  StrategySummary summary;
  summary.strategy = blocks.front()->strategy;
  summary.requests = BreakDown(blocks);
  for (const Block* const block : blocks) {
    summary.measured_seconds += ToSeconds(block->measured);
    summary.repeats.push_back({block->repeat, BreakDown({block})});
  }
  std::sort(summary.repeats.begin(), summary.repeats.end(),
            [](const RepeatSummary& a, const RepeatSummary& b) { return a.repeat < b.repeat; });
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

std::vector<Difference> CompareStrategies(const std::vector<StrategySummary>& strategies) {
  std::vector<Series> mean;
  std::vector<Series> median;
  std::vector<Series> rate;
  bool medians_are_known = true;
  double rate_resolution = 0;  // one answer more or less in a block
  for (const StrategySummary& strategy : strategies) {
    const std::string& name = strategy.strategy.name;
    const auto repeats = static_cast<double>(strategy.repeats.size());
    if (strategy.measured_seconds > 0) rate_resolution = std::max(rate_resolution, repeats / strategy.measured_seconds);
    mean.push_back({name, {}}), median.push_back({name, {}}), rate.push_back({name, {}});
    for (const RepeatSummary& repeat : strategy.repeats) {
      const Slice& all = repeat.requests.all;
      mean.back().values.push_back(all.latency.mean);
      median.back().values.push_back(all.latency.p50.value_or(0));
      rate.back().values.push_back(all.answered_per_second);
      medians_are_known = medians_are_known && all.latency.p50.has_value();
    }
  }
  std::vector<Difference> differences = PairedDifferences("mean latency", "ms", mean);
  const auto append = [&](std::vector<Difference> more) {
    differences.insert(differences.end(), more.begin(), more.end());
  };
  if (medians_are_known) append(PairedDifferences("median latency", "ms", median));
  append(PairedDifferences("answers", "1/s", rate, rate_resolution));
  CorrectForMany(differences);
  return differences;
}

WorkloadAnalysis AnalyzeWorkload(const std::string& name, const std::vector<const Block*>& blocks,
                                 const std::vector<std::string>& strategy_order) {
  WorkloadAnalysis analysis;
  analysis.workload = name;
  for (const std::string& strategy : strategy_order) {
    const auto own = Select(blocks, [&](const Block& block) { return block.strategy.name == strategy; });
    if (!own.empty()) analysis.strategies.push_back(SummarizeStrategy(own));
  }
  analysis.differences = CompareStrategies(analysis.strategies);
  analysis.verdict = VerdictOn(analysis);
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

Analysis Analyze(const ResultSet& results) {
  std::vector<const Block*> blocks;
  for (const Block& block : results.blocks) blocks.push_back(&block);
  // Blocks may have run in random order: show the strategies by name, the workloads as they came.
  auto strategies = NamesInOrder(blocks, [](const Block& block) { return block.strategy.name; });
  std::sort(strategies.begin(), strategies.end());

  Analysis analysis;
  for (const std::string& workload : NamesInOrder(blocks, [](const Block& block) { return block.workload; })) {
    const auto own = Select(blocks, [&](const Block& block) { return block.workload == workload; });
    analysis.workloads.push_back(AnalyzeWorkload(workload, own, strategies));
  }
  analysis.generator = ExamineGenerator(results);
  analysis.defects = FindDefects(results, analysis);
  return analysis;
}

}  // namespace smartbatch::loadgen
