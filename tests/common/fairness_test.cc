#include "common/fairness.h"

#include <gtest/gtest.h>

namespace smartbatch {
namespace {

TEST(JainsIndex, IsOneForEqualSharesAndOneOverNForOneThatHasAll) {
  EXPECT_EQ(JainIndex({4, 4, 4}), 1);
  EXPECT_EQ(JainIndex({9, 0, 0}), 1.0 / 3);
  EXPECT_FALSE(JainIndex({}).has_value());
  EXPECT_FALSE(JainIndex({0, 0}).has_value());
}

TEST(Fairness, WeighsTheSlowdownByAnswersAndNamesTheWorstCustomer) {
  const FairnessFigures figures = FairnessOf({{60, 2.0, 1.0}, {20, 6.0, 3.0}});
  EXPECT_DOUBLE_EQ(figures.slowdown.value(), 3);
  EXPECT_DOUBLE_EQ(figures.worst_customer_slowdown.value(), 6);
  EXPECT_DOUBLE_EQ(figures.share_index.value(), 16.0 / 20);
}

// Jain's index of the mean latencies would call the first of these cases the fairer one.
TEST(Fairness, DoesNotCallItFairThatAllAreEquallySlow) {
  // Short requests of 10 ms and long ones of 300 ms: all wait for 1 s, or nobody waits.
  const FairnessFigures equally_slow = FairnessOf({{100, 1000.0 / 10, 1.0}, {100, 1000.0 / 300, 1.0}});
  const FairnessFigures nobody_waits = FairnessOf({{100, 1.0, 1.0}, {100, 1.0, 1.0}});
  EXPECT_GT(JainIndex({1000, 1000}).value(), JainIndex({10, 300}).value());
  EXPECT_GT(equally_slow.worst_customer_slowdown.value(), 50 * nobody_waits.worst_customer_slowdown.value());
}

TEST(Fairness, NeverNamesACustomerWithFewAnswersTheWorst) {
  const FairnessFigures figures = FairnessOf({{20, 2.0, 1.0}, {19, 6.0, 1.0}, {0, {}, {}}});
  EXPECT_DOUBLE_EQ(figures.worst_customer_slowdown.value(), 2);
  EXPECT_FALSE(FairnessOf({{19, 6.0, 1.0}}).worst_customer_slowdown.has_value());
}

TEST(Fairness, IsNotKnownIfItIsNotKnownOfEachCustomer) {
  const FairnessFigures figures = FairnessOf({{20, 2.0, {}}, {20, {}, 1.0}});
  EXPECT_FALSE(figures.slowdown.has_value());
  EXPECT_FALSE(figures.worst_customer_slowdown.has_value());
  EXPECT_FALSE(figures.share_index.has_value());
  EXPECT_FALSE(FairnessOf({}).slowdown.has_value());
}

}  // namespace
}  // namespace smartbatch
