// How close the strategies come to the best that brute force finds.
#include <gtest/gtest.h>

#include <vector>

#include "common/random.h"
#include "common/statistics.h"
#include "tests/figures/optimum_ratios.h"
#include "tests/support/oracles.h"

namespace smartbatch::test {
namespace {

constexpr std::uint32_t kBatchSize = 5;

TEST(TheOptimum, OfTwoRequestsIsWhatItIsByHand) {
  // Apart and short first: 1 + (1 + 4) ms for two; together: 4 + 4.
  const CostModel cost{0, 1e-3, 0, 0};
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
    const std::vector<Lengths> requests = DrawProblem(random, 4, 2);
    EXPECT_LE(BestSumOfLatenciesWithSplitting(requests, kBatchSize, {}),
              BestSumOfLatencies(requests, kBatchSize, {}) + 1e-12);
  }
}

TEST(Density, IsCloseToTheOptimumOfWholeRequests) {
  const Sample ratios = RatiosToOptimum({"density", {{"split", "false"}, {"age_exponent", "0"}, {"hold", "0"}}},
                                        Splitting::kNo, 9, 1500, 1);
  EXPECT_GE(ratios.Minimum(), 1 - 1e-6);
  EXPECT_LE(ratios.Mean(), 1.03);
  EXPECT_LE(ratios.Percentile(99), 1.15);
  EXPECT_LE(ratios.Maximum(), 1.25);
}

TEST(Density, IsCloseToTheOptimumWithSplitting) {
  const Sample ratios = RatiosToOptimum({"density", {{"hold", "0"}}}, Splitting::kYes, 5, 300, 1);
  EXPECT_GE(ratios.Minimum(), 1 - 1e-6);
  EXPECT_LE(ratios.Mean(), 1.06);
  EXPECT_LE(ratios.Percentile(99), 1.30);
}

// The control: arrival order is far from the optimum, so the bounds above mean something.
TEST(Fcfs, IsFarFromTheOptimum) {
  const Sample ratios = RatiosToOptimum({"fcfs", {{"linger_ms", "0"}}}, Splitting::kNo, 9, 300, 1);
  EXPECT_GE(ratios.Minimum(), 1 - 1e-6);
  EXPECT_GT(ratios.Mean(), 1.2);
}

}  // namespace
}  // namespace smartbatch::test
