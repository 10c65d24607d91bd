#include "services/proxy/scheduling/model/believed_cost.h"

#include <gtest/gtest.h>

namespace smartbatch::scheduling {
namespace {

constexpr CostModel kModel{.fixed = 0.01, .quadratic = 1e-6, .per_sequence = 0.001};

TEST(ABelievedCost, ThatWasToldIsKnownAtEveryLength) {
  const BelievedCost told{kModel};
  EXPECT_TRUE(told.Knows(1'000'000));
  EXPECT_EQ(told.CountedSeconds(3, 200'000), kModel.Seconds(3, 200'000));
}

TEST(ABelievedCost, CountsAsThatOfTheLongestKnownBatchBeyondIt) {
  const BelievedCost taught{kModel, 100};
  EXPECT_TRUE(taught.Knows(100));
  EXPECT_FALSE(taught.Knows(101));
  EXPECT_EQ(taught.CountedSeconds(3, 50), kModel.Seconds(3, 50));
  EXPECT_EQ(taught.CountedSeconds(3, 100), kModel.Seconds(3, 100));
  EXPECT_EQ(taught.CountedSeconds(3, 20'000), kModel.Seconds(3, 100));
}

TEST(ABelievedCost, CountsAsASecondAtMostWhileNothingIsKnown) {
  const BelievedCost assumed{kModel, 0};
  EXPECT_FALSE(assumed.Knows(1));
  EXPECT_EQ(assumed.CountedSeconds(3, 50), kModel.Seconds(3, 50));
  EXPECT_EQ(assumed.CountedSeconds(3, 20'000), 1);
}

}  // namespace
}  // namespace smartbatch::scheduling
