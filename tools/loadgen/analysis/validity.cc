#include "tools/loadgen/analysis/validity.h"

#include <fmt/format.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::loadgen {
namespace {

void CheckSchedule(const ResultSet& results, const GeneratorHealth& generator, std::vector<std::string>& defects) {
  const double limit_ms = results.provenance.max_dispatch_delay_ms;
  if (generator.due > 0 && generator.dispatch_delay_p99 > limit_ms) {
    defects.push_back(fmt::format(
        "the generator missed its schedule: 1 % of the requests left more than {:.1f} ms late (limit {:.1f} ms); "
        "lower the rate, free the processor or raise --max-dispatch-delay-ms",
        generator.dispatch_delay_p99, limit_ms));
  }
  if (generator.not_sent > 0) {
    defects.push_back(fmt::format("{} of {} requests were due while --max-in-flight calls were open and were not sent",
                                  generator.not_sent, generator.due));
  }
}

void CheckSamples(const Analysis& analysis, std::vector<std::string>& defects) {
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    for (const StrategySummary& strategy : workload.strategies) {
      const std::uint64_t answered = strategy.requests.all.answered;
      if (answered >= kFewestAnswers) continue;
      defects.push_back(
          fmt::format("too few samples: {} answers for {} under {}, at least {} are needed; "
                      "raise --seconds or --repeats",
                      answered, workload.workload, strategy.strategy.name, kFewestAnswers));
    }
  }
}

// Returns true if `set` is a strategy that follows others, and may follow this one.
bool MayFollow(const std::string& set, const std::string& followed) {
  const auto* const own = scheduling::FindStrategy(set);
  const auto* const other = scheduling::FindStrategy(followed);
  return own != nullptr && own->takes_advice && other != nullptr && scheduling::MayBeFollowed(*other);
}

// The server names the strategy in each answer: if it is neither the one that was set, nor one that this follows,
// someone else has switched.
void CheckStrategies(const ResultSet& results, std::vector<std::string>& defects) {
  for (const Block& block : results.blocks) {
    std::uint64_t others = 0;
    const std::string& expected = block.dispatched_by.empty() ? block.strategy.name : block.dispatched_by;
    for (const RequestRecord& record : block.records) {
      const bool other =
          !record.strategy.empty() && record.strategy != expected && !MayFollow(expected, record.strategy);
      if (block.Measures(record) && record.answered() && other) ++others;
    }
    if (others > 0) {
      defects.push_back(
          fmt::format("{} answers of a block for {} were dispatched by another strategy", others, block.strategy.name));
    }
  }
}

void CheckObjectives(const Analysis& analysis, std::vector<std::string>& defects) {
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    for (const ObjectiveOutcome& outcome : workload.objectives) {
      if (outcome.measured) continue;
      defects.push_back(
          fmt::format("too few samples to judge {} for {} under {}: raise --seconds or --repeats, or ask for a "
                      "lower percentile",
                      outcome.objective.text, workload.workload, outcome.strategy));
    }
  }
}

}  // namespace

std::string ServerGone(const Block& block) {
  std::uint64_t due = 0;
  std::uint64_t disconnected = 0;
  for (const RequestRecord& record : block.records) {
    if (!block.Measures(record)) continue;
    ++due;
    if (record.disconnected) ++disconnected;
  }
  if (static_cast<double>(disconnected) <= kMostDisconnected * static_cast<double>(due)) return {};
  return fmt::format(
      "the server was gone: {} of {} requests of a block for {} had no connection (at most {:.0f} % may); see why it "
      "stopped, and measure again",
      disconnected, due, block.strategy.name, 100 * kMostDisconnected);
}

std::vector<std::string> FindDefects(const ResultSet& results, const Analysis& analysis) {
  std::vector<std::string> defects;
  CheckSchedule(results, analysis.generator, defects);
  CheckSamples(analysis, defects);
  CheckStrategies(results, defects);
  CheckObjectives(analysis, defects);
  for (const Block& block : results.blocks) defects.insert(defects.end(), block.defects.begin(), block.defects.end());
  return defects;
}

}  // namespace smartbatch::loadgen
