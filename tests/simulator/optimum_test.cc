// How close the strategies come to the best that brute force finds.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/random.h"
#include "common/statistics.h"
#include "tests/support/oracles.h"
#include "tools/simulator/simulation.h"
#include "tools/simulator/trace.h"

namespace smartbatch::test {
namespace {

constexpr std::uint32_t kBatchSize = 5;

std::vector<Lengths> DrawRequests(Random& random, int count, std::int64_t most_sequences) {
  std::vector<Lengths> requests(static_cast<std::size_t>(count));
  for (Lengths& lengths : requests) {
    lengths.resize(static_cast<std::size_t>(random.Between(1, most_sequences)));
    for (std::uint32_t& length : lengths) {
      length = static_cast<std::uint32_t>(std::clamp(random.Lognormal(80, 1), 10.0, 2000.0));
    }
  }
  return requests;
}

double SumOfLatencies(const std::vector<Lengths>& requests, const scheduling::StrategyChoice& strategy) {
  simulator::Trace trace;
  trace.customers = {"a"};
  for (const Lengths& lengths : requests) trace.Add(Time{}, 0, lengths);
  simulator::TraceFeed feed(trace);
  simulator::SimulationOptions options;
  options.strategy = strategy;
  options.warmup_share = 0;
  const auto result = simulator::Simulate(feed, options);
  return result->latency_ms.mean / 1e3 * static_cast<double>(result->requests);
}

enum class Splitting { kNo, kYes };

// The ratios of the sum of latencies to the best, over that many instances.
Sample Ratios(const scheduling::StrategyChoice& strategy, Splitting splitting, int requests, int instances) {
  Sample ratios;
  for (int i = 0; i < instances; ++i) {
    Random random = Random::Stream(1, static_cast<std::uint64_t>(i));
    const bool split = splitting == Splitting::kYes;
    const std::vector<Lengths> drawn = DrawRequests(random, requests, split ? 3 : 5);
    std::size_t sequences = 0;
    for (const Lengths& lengths : drawn) sequences += lengths.size();
    if (split && sequences > 11) continue;
    const double best =
        split ? BestSumOfLatenciesWithSplitting(drawn, kBatchSize, {}) : BestSumOfLatencies(drawn, kBatchSize, {});
    ratios.Add(SumOfLatencies(drawn, strategy) / best);
  }
  return ratios;
}

TEST(TheOptimum, OfTwoRequestsIsWhatItIsByHand) {
  // Apart and short first: 1 + (1 + 4) ms for two; together: 4 + 4.
  const scheduling::CostModel cost{0, 1e-3, 0, 0};
  EXPECT_DOUBLE_EQ(BestSumOfLatencies({{1}, {2}}, 5, cost), 6e-3);
  // 9 + 16 alone, 16 + 16 together, 9 + 25 apart.
  EXPECT_DOUBLE_EQ(BestSumOfLatencies({{3}, {4}}, 5, cost), 32e-3);
  // Two seats; the long request's short half rides with the short request.
  EXPECT_DOUBLE_EQ(BestSumOfLatencies({{1}, {1, 9}}, 2, cost), 83e-3);
  EXPECT_DOUBLE_EQ(BestSumOfLatenciesWithSplitting({{1}, {1, 9}}, 2, cost), 83e-3);
  EXPECT_DOUBLE_EQ(BestSumOfLatencies({{1}, {5, 5}, {5}}, 2, cost), 78e-3);
}

TEST(TheOptimum, IsNeverWorseWithSplitting) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    const std::vector<Lengths> requests = DrawRequests(random, 4, 2);
    EXPECT_LE(BestSumOfLatenciesWithSplitting(requests, kBatchSize, {}),
              BestSumOfLatencies(requests, kBatchSize, {}) + 1e-12);
  }
}

TEST(Density, IsCloseToTheOptimumOfWholeRequests) {
  const Sample ratios =
      Ratios({"density", {{"split", "false"}, {"age_exponent", "0"}, {"hold", "0"}}}, Splitting::kNo, 9, 1500);
  EXPECT_GE(ratios.Minimum(), 1 - 1e-6);
  EXPECT_LE(ratios.Mean(), 1.03);
  EXPECT_LE(ratios.Percentile(99), 1.15);
  EXPECT_LE(ratios.Maximum(), 1.25);
}

TEST(Density, IsCloseToTheOptimumWithSplitting) {
  const Sample ratios = Ratios({"density", {{"hold", "0"}}}, Splitting::kYes, 5, 600);
  EXPECT_GE(ratios.Minimum(), 1 - 1e-6);
  EXPECT_LE(ratios.Mean(), 1.06);
  EXPECT_LE(ratios.Percentile(99), 1.30);
}

// The control: arrival order is far from it, so the bounds above say something.
TEST(Fcfs, IsFarFromTheOptimum) {
  const Sample ratios = Ratios({"fcfs", {{"linger_ms", "0"}}}, Splitting::kNo, 9, 300);
  EXPECT_GE(ratios.Minimum(), 1 - 1e-6);
  EXPECT_GT(ratios.Mean(), 1.2);
}

}  // namespace
}  // namespace smartbatch::test
