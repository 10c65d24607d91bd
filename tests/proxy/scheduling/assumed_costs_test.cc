// A cost that nobody has told, and that no batches have taught, keeps no request out; and whose room is taken
// in a full queue.
#include "tests/proxy/scheduling/assumed_costs.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
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

// --- Whose room is taken in a full queue ---

constexpr std::uint32_t kShortText = 10;

SchedulerOptions UpToRequests(std::uint64_t max_queued_requests) {
  SchedulerOptions options;
  options.max_queued_requests = max_queued_requests;
  return options;
}

double NearlyTheSame(std::uint32_t length) { return 0.008 + 1e-7 * length; }  // 8 ms of a short text, 10 of a long one
double Squared(std::uint32_t length) { return 1e-6 * length * length; }

// The customer that loses a request to another customer's short one; empty if none does.
std::string MakesRoom(Proxy& proxy) {
  proxy.effects().finished.clear();
  EXPECT_EQ(proxy.Offer(kShortText, "other"), std::nullopt);
  for (const Finished& finished : proxy.effects().finished) {
    if (finished.outcome == Outcome::kShed) return finished.customer;
  }
  return "";
}

// The same if three long texts and a flood of 100 short ones fill the queue.
std::string MakesRoomForOne(Proxy& proxy, std::uint32_t long_text = kLong) {
  EXPECT_EQ(proxy.Accepted(3, long_text, "long"), 3);
  EXPECT_EQ(proxy.Accepted(100, kShortText, "flood"), 100);
  return MakesRoom(proxy);
}

TEST(AFullQueue, TakesRoomByTheCostThatBatchesHaveTaughtIfItWasAssumed) {
  for (const bool costs_are_assumed : {true, false}) {
    Proxy proxy(costs_are_assumed, UpToRequests(103));
    proxy.truth = NearlyTheSame;
    proxy.ServeOneByOne(100, kShortText);
    proxy.ServeOneByOne(20, kLong);
    EXPECT_EQ(MakesRoomForOne(proxy), costs_are_assumed ? "flood" : "long") << "1200 s of long ones are told";
  }
}

TEST(AFullQueue, TakesRoomFromLongTextsIfBatchesHaveTaughtThatTheyCostMore) {
  Proxy proxy(true, UpToRequests(103));
  proxy.truth = Squared;
  proxy.ServeOneByOne(100, kShortText);
  proxy.ServeOneByOne(20, 2000);
  EXPECT_EQ(MakesRoomForOne(proxy, 2000), "long") << "12 s against 10 ms";
}

// The fit to short texts believes that a long one takes hours.
TEST(AFullQueue, TakesNoRoomForWhatShortTextsSayAboutLongOnes) {
  for (const int short_ones : {4, 8, 30, 200}) {
    Proxy proxy(true, UpToRequests(103));
    proxy.truth = NearlyTheSame;
    proxy.ServeOneByOne(short_ones, kShortText);
    EXPECT_EQ(MakesRoomForOne(proxy), "flood") << "after " << short_ones;
  }
}

// Whoever was answered comes again at once.
TEST(AFullQueue, TakesRoomByTheTaughtCostAlthoughItIsNeverEmpty) {
  Proxy proxy(true, UpToRequests(103));
  proxy.truth = NearlyTheSame;
  EXPECT_EQ(MakesRoomForOne(proxy), "long") << "nothing is known";
  const Time start = proxy.now();
  while (proxy.now() - start < seconds(2)) {
    const Batch batch = proxy.Send();
    proxy.Serve(batch);
    for (const BatchMember& member : batch.members) {
      EXPECT_EQ(proxy.Offer(member.length, member.length == kLong ? "long" : "flood"), std::nullopt);
    }
  }
  EXPECT_EQ(MakesRoom(proxy), "flood");
}

TEST(AFullQueue, TakesRoomByWhatAnyOfTheBackendsHasTaught) {
  Proxy proxy(true, UpToRequests(103));
  proxy.truth = NearlyTheSame;
  proxy.scheduler().AddBackend("other", 1, CostModel{});
  proxy.scheduler().HoldBack(proxy.backend(), true);
  proxy.ServeOneByOne(100, kShortText);
  proxy.ServeOneByOne(20, kLong);
  EXPECT_EQ(MakesRoomForOne(proxy), "flood");
}

TEST(AFullQueue, IsMeasuredAnewAfterASecondAtTheEarliest) {
  Proxy proxy(true, UpToRequests(103));
  proxy.truth = NearlyTheSame;
  EXPECT_EQ(MakesRoomForOne(proxy), "long") << "nothing is known";
  proxy.ServeAll();
  EXPECT_EQ(MakesRoomForOne(proxy), "long") << "less than a second later";
  proxy.Wait(seconds(2));
  EXPECT_EQ(MakesRoom(proxy), "flood");
}

TEST(AFullQueue, TakesRoomByTheToldCostAlthoughRequestsWaitedBeforeTheFirstBackendCame) {
  SchedulerOptions options;
  options.max_queued_requests = 4;
  const auto scheduler = *Scheduler::Create(options, {"fcfs", {}}, nullptr);
  Effects effects;
  const auto offer = [&](std::string_view customer, std::uint32_t length) {
    return scheduler->Offer({.customer = customer, .lengths = {&length, 1}}, Time{}, effects);
  };
  std::vector<RequestId> flood;
  offer("long", kLong);
  for (int i = 0; i < 3; ++i) flood.push_back(std::get<RequestId>(offer("flood", kShortText)));
  scheduler->AddBackend("late", 1, {.fixed = 1, .quadratic = 0});
  offer("third", kShortText);
  ASSERT_EQ(effects.finished.size(), 1U);
  EXPECT_THAT(flood, testing::Contains(effects.finished.front().id)) << "three seconds against one";
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
