// A cost that nobody has told, and that no batches have taught, keeps no request out.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::seconds;

constexpr std::uint32_t kLong = 20'000;  // 400 s by the cost that is believed at first

// A scheduler in front of a backend that takes what `truth` says, in seconds.
class Proxy {
 public:
  explicit Proxy(bool costs_are_assumed, Duration max_queued_cost = std::chrono::hours(1)) {
    SchedulerOptions options;
    options.costs_are_assumed = costs_are_assumed;
    options.max_queued_cost = max_queued_cost;
    scheduler_ = *Scheduler::Create(options, {"fcfs", {}}, nullptr);
    backend_ = scheduler_->AddBackend("backend", 1, CostModel{});
  }

  // Nothing if the request was accepted.
  std::optional<RejectReason> Offer(std::uint32_t length, std::string_view customer = "a") {
    const std::uint32_t lengths[] = {length};
    const auto answer = scheduler_->Offer({customer, lengths, kNever, 0}, now_, effects_);
    if (const auto* const rejection = std::get_if<Rejection>(&answer)) return rejection->reason;
    return std::nullopt;
  }
  // How many of that many requests, offered at once, are accepted.
  int Accepted(int requests, std::uint32_t length, std::string_view customer = "a") {
    int accepted = 0;
    for (int i = 0; i < requests; ++i) accepted += Offer(length, customer) ? 0 : 1;
    return accepted;
  }
  void ServeAll() {
    while (scheduler_->HasWork()) {
      const Step step = scheduler_->Next(now_);
      if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
        now_ = wait->time;
        continue;
      }
      const auto& batch = std::get<Batch>(step);
      now_ += FromSeconds(truth(batch.longest));
      scheduler_->Complete(batch.id, absl::OkStatus(), now_, effects_);
    }
  }
  void ServeOneByOne(int requests, std::uint32_t length) {
    for (int i = 0; i < requests; ++i) {
      EXPECT_EQ(Offer(length), std::nullopt) << i;
      ServeAll();
    }
  }
  std::uint64_t Ended(Outcome outcome) const { return scheduler_->outcomes()[outcome]; }
  Scheduler& scheduler() { return *scheduler_; }
  BackendId backend() const { return backend_; }

  std::function<double(std::uint32_t)> truth = [](std::uint32_t) { return 0.04; };

 private:
  std::unique_ptr<Scheduler> scheduler_;
  BackendId backend_ = 0;
  Effects effects_;
  Time now_{std::chrono::hours(1)};
};

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
  Proxy proxy(true, seconds(3));
  proxy.truth = [](std::uint32_t) { return 1.0; };
  proxy.ServeOneByOne(CostFit::kFirstSamples - 1, kLong);
  EXPECT_EQ(proxy.Accepted(20, kLong), 20);
  proxy.ServeAll();
  EXPECT_EQ(proxy.Accepted(20, kLong), 3) << "of a second each";
  EXPECT_EQ(proxy.Offer(kLong), RejectReason::kCostFull);
}

// All that was accepted at an assumed cost makes no room in cost, so none of it is shed for that.
TEST(AnAssumedCost, ShedsNothing) {
  Proxy proxy(true, seconds(3));
  proxy.truth = [](std::uint32_t) { return 1.0; };
  proxy.ServeOneByOne(CostFit::kFirstSamples, 100);
  EXPECT_EQ(proxy.Accepted(20, kLong, "hog"), 20) << "nothing is known about long ones";
  EXPECT_EQ(proxy.Accepted(20, 100, "other"), 6) << "up to twice the limit, as others have more in the queue";
  EXPECT_EQ(proxy.Offer(100, "other"), RejectReason::kCostFull);
  EXPECT_EQ(proxy.Ended(Outcome::kShed), 0U);
}

TEST(AnAssumedCost, OfANewBackendDoesNotReplaceWhatTheOldOneHasTaught) {
  Proxy proxy(true, seconds(3));
  proxy.truth = [](std::uint32_t) { return 1.0; };
  proxy.ServeOneByOne(CostFit::kFirstSamples, kLong);
  proxy.scheduler().AddBackend("new", 1, CostModel{});
  proxy.scheduler().RemoveBackend(proxy.backend());
  EXPECT_EQ(proxy.Accepted(20, kLong), 3);
}

TEST(AnAssumedCost, LeavesTheOtherLimitsAsTheyAre) {
  SchedulerOptions options;
  options.costs_are_assumed = true;
  options.max_queued_requests = 2;
  options.max_queued_bytes = 1000;
  Proxy proxy(true);
  ASSERT_TRUE(proxy.scheduler().Reconfigure(options).ok());
  EXPECT_EQ(proxy.Accepted(20, kLong), 2);
  EXPECT_EQ(proxy.Offer(kLong), RejectReason::kQueueFull);
}

}  // namespace
}  // namespace smartbatch::scheduling
