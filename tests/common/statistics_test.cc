#include "common/statistics.h"

#include <gtest/gtest.h>

namespace smartbatch {
namespace {

Sample UpTo(int count) {
  Sample sample;
  for (int i = count; i >= 1; --i) sample.Add(i);
  return sample;
}

TEST(Sample, TakesPercentilesByNearestRank) {
  const Sample sample = UpTo(100);
  EXPECT_EQ(sample.Percentile(50), 50);
  EXPECT_EQ(sample.Percentile(99), 99);
  EXPECT_EQ(sample.Percentile(99.1), 100);
  EXPECT_EQ(sample.Percentile(100), 100);
  EXPECT_EQ(sample.Percentile(0.1), 1);
  EXPECT_EQ(UpTo(3).Percentile(50), 2);
  EXPECT_EQ(UpTo(1).Percentile(99), 1);
}

TEST(Sample, SeesWhatIsAddedAfterAPercentileWasTaken) {
  Sample sample = UpTo(10);
  EXPECT_EQ(sample.Percentile(100), 10);
  sample.Add(0);
  EXPECT_EQ(sample.Percentile(1), 0);
  Sample more;
  more.Add(-1);
  sample.Append(more);
  EXPECT_EQ(sample.Percentile(1), -1);
  EXPECT_EQ(sample.count(), 12U);
}

TEST(Sample, LeavesOutPercentilesThatAreChance) {
  EXPECT_FALSE(UpTo(100).TrustworthyPercentile(99).has_value());
  EXPECT_EQ(UpTo(1000).TrustworthyPercentile(99), 990);
  EXPECT_FALSE(UpTo(999).TrustworthyPercentile(99).has_value());
  EXPECT_FALSE(Sample().TrustworthyPercentile(50).has_value());
}

TEST(Sample, KnowsMeanAndDeviation) {
  const Sample sample = UpTo(5);
  EXPECT_DOUBLE_EQ(sample.Mean(), 3);
  EXPECT_DOUBLE_EQ(sample.StandardDeviation() * sample.StandardDeviation(), 2.5);
  EXPECT_EQ(sample.Minimum(), 1);
  EXPECT_EQ(sample.Maximum(), 5);
}

TEST(Sample, IsZeroIfItIsEmpty) {
  const Sample sample;
  EXPECT_EQ(sample.Mean(), 0);
  EXPECT_EQ(sample.StandardDeviation(), 0);
  EXPECT_EQ(sample.Percentile(50), 0);
}

}  // namespace
}  // namespace smartbatch
