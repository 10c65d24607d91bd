#include "common/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "common/statistics.h"

namespace smartbatch {
namespace {

constexpr int kDraws = 200'000;

Sample Draw(const std::function<double(Random&)>& draw) {
  Random random(7);
  Sample sample;
  for (int i = 0; i < kDraws; ++i) sample.Add(draw(random));
  return sample;
}

TEST(Random, GivesTheSameNumbersForTheSameSeedOnly) {
  Random one(1);
  Random same(1);
  Random other(2);
  EXPECT_EQ(one.Bits(), same.Bits());
  EXPECT_NE(one.Bits(), other.Bits());
}

TEST(Random, KnowsItsReferenceValues) {
  // xoshiro256** seeded with splitmix64(0), from the authors' reference code.
  Random random(0);
  EXPECT_EQ(random.Bits(), 11091344671253066420ULL);
  EXPECT_EQ(random.Bits(), 13793997310169335082ULL);
  EXPECT_EQ(random.Bits(), 1900383378846508768ULL);
}

TEST(Random, HasIndependentStreams) {
  std::set<std::uint64_t> first;
  for (std::uint64_t index = 0; index < 1000; ++index) first.insert(Random::Stream(1, index).Bits());
  EXPECT_EQ(first.size(), 1000U);
}

TEST(Random, DrawsWholeNumbersBetweenBothEnds) {
  Random random(3);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.Between(-2, 2));
  EXPECT_EQ(seen, (std::set<std::int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(random.Between(5, 5), 5);
}

TEST(Random, HasTheMomentsOfItsDistributions) {
  const Sample uniform = Draw([](Random& r) { return r.Uniform(); });
  EXPECT_NEAR(uniform.Mean(), 0.5, 0.005);
  EXPECT_GE(uniform.Minimum(), 0);
  EXPECT_LT(uniform.Maximum(), 1);
  const Sample exponential = Draw([](Random& r) { return r.Exponential(3); });
  EXPECT_NEAR(exponential.Mean(), 3, 0.05);
  EXPECT_NEAR(exponential.StandardDeviation(), 3, 0.05);
  const Sample normal = Draw([](Random& r) { return r.Normal(); });
  EXPECT_NEAR(normal.Mean(), 0, 0.01);
  EXPECT_NEAR(normal.StandardDeviation(), 1, 0.01);
  const Sample lognormal = Draw([](Random& r) { return r.Lognormal(80, 1); });
  EXPECT_NEAR(lognormal.Percentile(50), 80, 1.5);
  EXPECT_NEAR(lognormal.Mean(), 80 * std::exp(0.5), 3);
  for (const double shape : {0.5, 1.0, 4.0}) {
    const Sample gamma = Draw([shape](Random& r) { return r.Gamma(shape, 2); });
    EXPECT_NEAR(gamma.Mean(), 2, 0.04) << shape;
    EXPECT_NEAR(gamma.StandardDeviation(), 2 / std::sqrt(shape), 0.05) << shape;
  }
}

}  // namespace
}  // namespace smartbatch
