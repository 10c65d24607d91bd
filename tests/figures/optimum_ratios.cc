#include "tests/figures/optimum_ratios.h"

#include <algorithm>
#include <vector>

#include "common/random.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/trace.h"
#include "tests/support/oracles.h"

namespace smartbatch::test {
namespace {

constexpr std::uint32_t kBatchSize = 5;
// With more the search over the subsets of all sequences takes seconds.
constexpr std::size_t kMostSequencesToSplit = 11;

double SumOfLatencies(const std::vector<Lengths>& requests, const scheduling::StrategyChoice& strategy) {
  simulation::Trace trace;
  trace.customers = {"a"};
  for (const Lengths& lengths : requests) trace.Add(Time{}, 0, lengths);
  simulation::TraceFeed feed(trace);
  simulation::SimulationOptions options;
  options.strategy = strategy;
  options.warmup_share = 0;
  const auto result = simulation::Simulate(feed, options);
  return result->latency_ms.mean / 1e3 * static_cast<double>(result->requests);
}

}  // namespace

std::vector<Lengths> DrawProblem(Random& random, int count, std::int64_t most_sequences) {
  std::vector<Lengths> requests(static_cast<std::size_t>(count));
  for (Lengths& lengths : requests) {
    lengths.resize(static_cast<std::size_t>(random.Between(1, most_sequences)));
    for (std::uint32_t& length : lengths) {
      length = static_cast<std::uint32_t>(std::clamp(random.Lognormal(80, 1), 10.0, 2000.0));
    }
  }
  return requests;
}

Sample RatiosToOptimum(const scheduling::StrategyChoice& strategy, Splitting splitting, int requests, int instances,
                       std::uint64_t seed) {
  const bool split = splitting == Splitting::kYes;
  Sample ratios;
  for (std::uint64_t index = 0; ratios.count() < static_cast<std::size_t>(instances); ++index) {
    Random random = Random::Stream(seed, index);
    const std::vector<Lengths> drawn = DrawProblem(random, requests, split ? 3 : kBatchSize);
    std::size_t sequences = 0;
    for (const Lengths& lengths : drawn) sequences += lengths.size();
    if (split && sequences > kMostSequencesToSplit) continue;
    const double best =
        split ? BestSumOfLatenciesWithSplitting(drawn, kBatchSize, {}) : BestSumOfLatencies(drawn, kBatchSize, {});
    ratios.Add(SumOfLatencies(drawn, strategy) / best);
  }
  return ratios;
}

}  // namespace smartbatch::test
