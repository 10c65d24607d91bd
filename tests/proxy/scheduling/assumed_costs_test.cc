// A cost that nobody has told, and that no batches have taught, keeps no request out.
#include "tests/proxy/scheduling/assumed_costs.h"

#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

namespace smartbatch::scheduling {
namespace {

using std::chrono::seconds;

SchedulerOptions UpTo(Duration max_queued_cost) {
  SchedulerOptions options;
  options.max_queued_cost = max_queued_cost;
  return options;
}

TEST(AnAssumedCost, RefusesNothingAtFirst) {
  Proxy assumed(true);
  EXPECT_EQ(assumed.Accepted(60, kLong), 60);
  assumed.ServeAll();
  EXPECT_EQ(assumed.Ended(Outcome::kAnswered), 60U);

  Proxy told(false);
  EXPECT_EQ(told.Accepted(60, kLong), 9) << "9 times 400 s are an hour";
}

TEST(AnAssumedCost, RefusesNothingWhileTheFirstBatchesAreServed) {
  Proxy proxy(true);
  int accepted = 0;
  for (int burst = 0; burst < 20; ++burst) {
    accepted += proxy.Accepted(60, kLong);
    proxy.ServeAll();
  }
  EXPECT_EQ(accepted, 20 * 60);
}

TEST(AnAssumedCost, OfLongTextsIsNotTaughtByShortOnes) {
  for (const int short_ones : {1, 4, 7, 8, 30, 64, 200}) {
    Proxy proxy(true);
    proxy.truth = [](std::uint32_t length) { return 0.003 + 2e-6 * length; };
    proxy.ServeOneByOne(short_ones, 5);
    EXPECT_EQ(proxy.Accepted(60, kLong), 60) << "after " << short_ones;
    proxy.ServeAll();
    EXPECT_EQ(proxy.Accepted(60, kLong), 60) << "after " << short_ones << " and a burst of long ones";
  }
}

TEST(AnAssumedCost, IsNotTaughtByOneLongTextAmongManyShortOnes) {
  for (const int round : {3, 7, 20, 70}) {
    Proxy proxy(true);
    proxy.truth = [](std::uint32_t length) { return 0.003 + 2e-6 * length; };
    for (int i = 0; i < 10; ++i) {
      proxy.ServeOneByOne(round, 5);
      proxy.ServeOneByOne(1, kLong);
      EXPECT_EQ(proxy.Accepted(60, kLong), 60) << "one in " << round << ", round " << i;
      proxy.ServeAll();
      proxy.ServeOneByOne(200, 5);  // the burst is forgotten
      EXPECT_EQ(proxy.Accepted(60, kLong), 60) << "one in " << round << ", round " << i << ", forgotten";
      proxy.ServeAll();
    }
  }
}

// A server that has just started may load its model with the first batch.
TEST(AnAssumedCost, IsNotTaughtByOneSlowFirstBatch) {
  Proxy proxy(true);
  proxy.truth = [](std::uint32_t) { return 10.0; };  // 4 s are believed
  proxy.ServeOneByOne(1, 2000);
  proxy.truth = [](std::uint32_t) { return 0.04; };
  for (int burst = 0; burst < 3; ++burst) {
    EXPECT_EQ(proxy.Accepted(1000, 4000), 1000) << "an hour has 225 times the 16 s that are believed";
    proxy.ServeAll();
  }
}

TEST(AnAssumedCost, CountsOnceBatchesHaveTaughtIt) {
  Proxy proxy(true, UpTo(seconds(3)));
  proxy.truth = [](std::uint32_t) { return 1.0; };
  proxy.ServeOneByOne(CostFit::kFirstSamples - 1, kLong);
  EXPECT_EQ(proxy.Accepted(20, kLong), 20);
  proxy.ServeAll();
  EXPECT_EQ(proxy.Accepted(20, kLong), 3) << "of a second each";
  EXPECT_EQ(proxy.Offer(kLong), RejectReason::kCostFull);
}

// All that was accepted at an assumed cost makes no room in cost, so none of it is shed for that.
TEST(AnAssumedCost, ShedsNothing) {
  Proxy proxy(true, UpTo(seconds(3)));
  proxy.truth = [](std::uint32_t) { return 1.0; };
  proxy.ServeOneByOne(CostFit::kFirstSamples, 100);
  EXPECT_EQ(proxy.Accepted(20, kLong, "hog"), 20) << "nothing is known about long ones";
  EXPECT_EQ(proxy.Accepted(20, 100, "other"), 6) << "up to twice the limit, as others have more in the queue";
  EXPECT_EQ(proxy.Offer(100, "other"), RejectReason::kCostFull);
  EXPECT_EQ(proxy.Ended(Outcome::kShed), 0U);
}

TEST(AnAssumedCost, OfANewBackendDoesNotReplaceWhatTheOldOneHasTaught) {
  Proxy proxy(true, UpTo(seconds(3)));
  proxy.truth = [](std::uint32_t) { return 1.0; };
  proxy.ServeOneByOne(CostFit::kFirstSamples, kLong);
  proxy.scheduler().AddBackend("new", 1, CostModel{});
  proxy.scheduler().RemoveBackend(proxy.backend());
  EXPECT_EQ(proxy.Accepted(20, kLong), 3);
}

TEST(AnAssumedCost, LeavesTheOtherLimitsAsTheyAre) {
  SchedulerOptions options;
  options.max_queued_requests = 2;
  options.max_queued_bytes = 1000;
  Proxy proxy(true, options);
  EXPECT_EQ(proxy.Accepted(20, kLong), 2);
  EXPECT_EQ(proxy.Offer(kLong), RejectReason::kQueueFull);
}

// A fit to short texts that are more expensive than told says nothing about long ones.
TEST(AToldCost, OfLongTextsStaysAsToldWhileOnlyShortOnesAreServed) {
  for (const int short_ones : {0, 4, 8, 30, 200}) {
    Proxy proxy(false);
    proxy.truth = [](std::uint32_t length) { return 0.003 + 2e-6 * length; };
    proxy.ServeOneByOne(short_ones, 5);
    EXPECT_EQ(proxy.Accepted(60, kLong), 9) << "9 times 400 s are an hour; after " << short_ones;
  }
}

TEST(AToldCost, IsReplacedByWhatBatchesTeachEvenIfThatIsMore) {
  Proxy proxy(false, UpTo(seconds(30)));
  proxy.truth = [](std::uint32_t) { return 10.0; };  // 4 s are told
  EXPECT_EQ(proxy.Accepted(20, 2000), 8);
  proxy.ServeAll();
  proxy.ServeOneByOne(100, 2000);
  EXPECT_EQ(proxy.Accepted(20, 2000), 3);
}

TEST(AToldCost, OfLongTextsFallsWithThatOfShortOnes) {
  Proxy proxy(false);
  proxy.truth = [](std::uint32_t length) { return 1e-8 * length * length; };  // a hundredth of what is told
  proxy.ServeOneByOne(100, 100);
  EXPECT_EQ(proxy.Accepted(60, kLong), 60);
}

}  // namespace
}  // namespace smartbatch::scheduling
