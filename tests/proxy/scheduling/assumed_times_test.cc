// A cost that nobody has told, and that no batches have taught, makes nobody wait: no batch, no caller, no customer.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/proxy/scheduling/assumed_costs.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// --- How long a backend may keep a batch ---

Batch First(Proxy& proxy, std::uint32_t length) {
  EXPECT_EQ(proxy.Offer(length), std::nullopt);
  return proxy.Send();
}

TEST(TheTimeOfABatch, IsAtMostTenTimesTheConfiguredOneIfItsCostIsAssumed) {
  Proxy assumed(true);
  EXPECT_EQ(First(assumed, kLong).timeout, seconds(50));
  Proxy told(false);
  EXPECT_EQ(First(told, kLong).timeout, seconds(4000));
}

TEST(TheTimeOfABatch, IsAtMostThatAfterAFewShortTextsToo) {
  for (const int short_ones : {1, 4, 8, 30, 200}) {
    Proxy proxy(true);
    proxy.ServeOneByOne(short_ones, 5);
    EXPECT_EQ(First(proxy, kLong).timeout, seconds(50)) << short_ones;
  }
}

TEST(TheTimeOfABatch, IsTheConfiguredOneIfLittleIsAssumed) {
  Proxy proxy(true);
  EXPECT_EQ(First(proxy, 100).timeout, seconds(5));
}

// A batch that was given up teaches nothing, so the first long texts need their time.
TEST(TheTimeOfABatch, LetsASlowModelTeachWhatLongTextsCost) {
  for (const int short_ones : {0, 100}) {
    Proxy proxy(true);
    proxy.truth = [](std::uint32_t length) { return 1e-6 * length * length; };
    proxy.ServeOneByOne(short_ones, 20);
    for (int i = 0; i < 8; ++i) {
      const Batch batch = First(proxy, 5000);
      EXPECT_GE(batch.timeout, seconds(25));
      proxy.Serve(batch);
    }
    EXPECT_NEAR(ToSeconds(First(proxy, 5000).timeout), 250, 1) << "taught: ten times 25 s";
  }
}

TEST(AFrozenBackendOfAFreshProxy, LosesALongBatchAfterTheConfiguredTime) {
  Proxy proxy(true);
  const Batch batch = First(proxy, kLong);
  const auto given_up_after = [&](Duration time) {
    proxy.Wait(time);
    proxy.effects().abandoned.clear();
    for (std::uint32_t check = 0; check < BackendPool::kChecksToTakeOut; ++check) {
      proxy.scheduler().ReportHealth(proxy.backend(), HealthReport::kNoAnswer, proxy.now(), proxy.effects());
    }
    return !proxy.effects().abandoned.empty();
  };
  EXPECT_FALSE(given_up_after(milliseconds(4999)));
  EXPECT_TRUE(given_up_after(milliseconds(2)));
  EXPECT_EQ(proxy.effects().abandoned.front(), batch.id);
}

// --- Callers who leave ---

// By the cost that is believed at first a batch of these takes 0.1 ms, and a backend hangs after 250 ms.
TEST(ASlowModel, IsNotBlamedForCallersWhoLeaveBeforeAnyBatchCouldEnd) {
  Proxy proxy(true);
  for (int i = 0; i < 10; ++i) {
    proxy.OfferAndLeaveAfter(seconds(1), 10);
    EXPECT_TRUE(proxy.Works(proxy.backend())) << i;
  }
  EXPECT_EQ(proxy.Offer(10), std::nullopt) << "a patient caller";

  Proxy told(false);
  told.OfferAndLeaveAfter(seconds(1), 10);
  EXPECT_FALSE(told.Works(told.backend())) << "it was told that a batch takes 0.1 ms";
}

TEST(AHungModel, IsBlamedOnceItHasHadTheConfiguredTime) {
  Proxy proxy(true);
  proxy.OfferAndLeaveAfter(milliseconds(5001), 10);
  EXPECT_FALSE(proxy.Works(proxy.backend()));
}

TEST(AHungModel, IsBlamedSoonOnceBatchesHaveTaughtTheirCost) {
  Proxy proxy(true);
  proxy.ServeOneByOne(CostFit::kFirstSamples, 10);
  proxy.OfferAndLeaveAfter(seconds(1), 10);
  EXPECT_FALSE(proxy.Works(proxy.backend()));
}

// What one backend has taught holds for a batch at another one that has served none.
TEST(AHungModel, IsBlamedSoonIfAnotherBackendHasTaughtTheCost) {
  Proxy proxy(true);
  proxy.ServeOneByOne(CostFit::kFirstSamples, 10);
  const BackendId hung = proxy.scheduler().AddBackend("hung", 1, CostModel{});
  proxy.scheduler().HoldBack(proxy.backend(), true);
  proxy.OfferAndLeaveAfter(seconds(1), 10);
  EXPECT_FALSE(proxy.Works(hung));
}

// --- Waiting for company ---

Duration HeldBeforeItLeaves(Proxy& proxy, std::uint32_t length) {
  const Time came = proxy.now();
  const Batch batch = First(proxy, length);
  proxy.Serve(batch);
  return batch.dispatched - came;
}

TEST(ALongTextAtAFreshProxy, WaitsForCompanyForAHundredthOfASecondAtMost) {
  for (const char* const strategy : {"density", "weighted_fair"}) {
    for (const int short_ones : {0, 4, 10, 100}) {
      Proxy assumed(true, {}, strategy);
      assumed.ServeOneByOne(short_ones, 5);
      for (int i = 0; i < 10; ++i) {
        EXPECT_LE(HeldBeforeItLeaves(assumed, kLong), milliseconds(10)) << strategy << " after " << short_ones;
      }
    }
    Proxy told(false, {}, strategy);
    EXPECT_EQ(HeldBeforeItLeaves(told, kLong), seconds(1)) << strategy << ": a hundredth of 400 s, at most a second";
  }
}

// --- Callers who are turned away ---

SchedulerOptions UpToEight() {
  SchedulerOptions options;
  options.max_queued_requests = 8;
  return options;
}

// In the queue are eight texts of 20,000 characters, which take 0.04 s in batches of five; nobody else comes back.
Duration ToldIfEightLongTextsAreThere(Proxy& proxy) {
  proxy.Wait(std::chrono::minutes(2));  // places that were promised before are forgotten
  EXPECT_EQ(proxy.Accepted(8, kLong), 8);
  const Batch batch = proxy.Send();
  const std::optional<Rejection> refusal = proxy.Refusal(kLong);
  EXPECT_TRUE(refusal && refusal->reason == RejectReason::kQueueFull);
  proxy.Serve(batch);
  proxy.ServeAll();
  return refusal.value_or(Rejection{}).retry_after;
}

TEST(ACallerWhoIsTurnedAway, IsNotSentAwayForAMinuteByAnAssumedCost) {
  Proxy assumed(true, UpToEight());
  EXPECT_LE(ToldIfEightLongTextsAreThere(assumed), seconds(3)) << "a batch counts as a second";
  EXPECT_LE(ToldIfEightLongTextsAreThere(assumed), seconds(3));
  assumed.ServeOneByOne(CostFit::kFirstSamples, kLong);
  EXPECT_LE(ToldIfEightLongTextsAreThere(assumed), milliseconds(300)) << "taught";

  Proxy told(false, UpToEight());
  EXPECT_EQ(ToldIfEightLongTextsAreThere(told), seconds(60));
}

TEST(ACallerWhoIsTurnedAway, IsNotSentAwayForAMinuteByWhatShortTextsHaveTaught) {
  for (const int short_ones : {4, 10, 100}) {
    Proxy proxy(true, UpToEight());
    proxy.ServeOneByOne(short_ones, 5);
    EXPECT_LE(ToldIfEightLongTextsAreThere(proxy), seconds(1)) << short_ones;
  }
  Proxy busy(true, UpToEight());
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(busy.Accepted(8, 5), 8);
    busy.ServeAll();
  }
  EXPECT_LE(ToldIfEightLongTextsAreThere(busy), seconds(1)) << "the pace of the answers is known";
}

// --- Customers who wait ---

// Short texts of another customer never end; a long one comes at first, and again when it is answered. Returns when the
// second one left, after the start.
Duration SecondLongTextLeaves(const std::string& strategy, bool costs_are_assumed) {
  Proxy proxy(costs_are_assumed, {}, strategy);
  const Time start = proxy.now();
  int long_ones = 0;
  EXPECT_EQ(proxy.Offer(kLong, "long"), std::nullopt);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(proxy.Offer(100, "busy"), std::nullopt);
  while (proxy.now() - start < seconds(120)) {
    const Batch batch = proxy.Send();
    if (batch.longest == kLong && ++long_ones == 2) return batch.dispatched - start;
    for (const BatchMember& member : batch.members) {
      const bool is_long = member.length == kLong;
      EXPECT_EQ(proxy.Offer(member.length, is_long ? "long" : "busy"), std::nullopt);
    }
    proxy.Serve(batch);
  }
  return Duration::max();
}

TEST(ACustomerWithLongTexts, PaysNoAssumedCost) {
  EXPECT_LE(SecondLongTextLeaves("weighted_fair", true), seconds(5));
  EXPECT_EQ(SecondLongTextLeaves("weighted_fair", false), Duration::max()) << "it was charged 400 s";
}

TEST(ACustomerWithLongTexts, AgesPastShortTextsWhateverCostIsAssumed) {
  EXPECT_LE(SecondLongTextLeaves("sjf_aging", true), seconds(30));
  EXPECT_EQ(SecondLongTextLeaves("sjf_aging", false), Duration::max()) << "400 s take 8,000 s of age to outweigh";
}

TEST(ACustomerWithLongTexts, IsNotKeptFromTheLaneAgainstStarvationByAnAssumedCost) {
  EXPECT_LE(SecondLongTextLeaves("density", true), seconds(30));
  EXPECT_EQ(SecondLongTextLeaves("density", false), Duration::max()) << "the lane saves for 400 s";
}

// --- A backend that is busy ---

TEST(ABackendThatIsBusy, CountsAsSharedForNoLongerThanAnAssumedCostCanTell) {
  const auto shared_for = [](bool costs_are_assumed) {
    Proxy proxy(costs_are_assumed);
    const Batch batch = First(proxy, kLong);
    proxy.End(batch, milliseconds(1), absl::ResourceExhaustedError("busy"));
    return proxy.scheduler().backends().backends()[proxy.backend()].shared_until - proxy.now();
  };
  EXPECT_EQ(shared_for(true), seconds(32));
  EXPECT_EQ(shared_for(false), seconds(32 * 400));
}

}  // namespace
}  // namespace smartbatch::scheduling
