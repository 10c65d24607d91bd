// Two proxies in front of one backend that refuses a batch for which it has no slot.
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// In virtual time: two schedulers that always have something waiting, and a backend of one slot without a waiting room.
class SharedSlot {
 public:
  SharedSlot(Duration batch_takes, Duration way) : batch_takes_(batch_takes), way_(way) {
    for (std::size_t i = 0; i < proxies_.size(); ++i) {
      SchedulerOptions options;
      options.backends.seed = 100 + i;
      Proxy& proxy = proxies_[i];
      proxy.scheduler = *Scheduler::Create(options, {"density", {{"hold", "0"}}}, nullptr);
      proxy.scheduler->AddBackend("shared", 1, {.fixed = ToSeconds(batch_takes), .quadratic = 0});
      // The second proxy comes when the first has the slot.
      At(Time(i * milliseconds(1)), [this, &proxy] { Turn(proxy); });
    }
  }

  void Play(Duration time) {
    while (!events_.empty() && events_.begin()->first <= Time(time)) {
      const auto event = events_.extract(events_.begin());
      now_ = event.key();
      event.mapped()();
    }
  }

  std::uint64_t answered(std::size_t proxy) const { return Count(proxy, Outcome::kAnswered); }
  std::uint64_t failed(std::size_t proxy) const { return Count(proxy, Outcome::kBackendFailed); }
  std::uint64_t batches() const { return batches_; }
  std::uint64_t refusals() const { return refusals_; }
  // The longest time that a proxy was without an answer.
  Duration longest_gap() const { return longest_gap_; }

 private:
  struct Proxy {
    std::unique_ptr<Scheduler> scheduler;
    Time last_answer{};
  };

  void At(Time time, std::function<void()> what) { events_.emplace(time, std::move(what)); }
  std::uint64_t Count(std::size_t proxy, Outcome outcome) const {
    return proxies_[proxy].scheduler->outcomes()[outcome];
  }

  void Turn(Proxy& proxy) {
    Effects effects;
    proxy.scheduler->Tick(now_, effects);
    const std::uint32_t lengths[] = {10};
    while (proxy.scheduler->pending().waiting_requests() < 20) {
      ASSERT_TRUE(std::holds_alternative<RequestId>(proxy.scheduler->Offer({"a", lengths, kNever, 0}, now_, effects)));
    }
    for (;;) {
      const Step step = proxy.scheduler->Next(now_);
      if (const auto* const wait = std::get_if<AskAgainAt>(&step)) At(wait->time, [this, &proxy] { Turn(proxy); });
      const auto* const batch = std::get_if<Batch>(&step);
      if (batch == nullptr) return;
      At(now_ + way_, [this, &proxy, id = batch->id] { Arrive(proxy, id); });
    }
  }
  void Arrive(Proxy& proxy, BatchId id) {
    if (now_ < busy_until_) {
      ++refusals_;
      return At(now_ + way_, [this, &proxy, id] { End(proxy, id, absl::ResourceExhaustedError("busy")); });
    }
    ++batches_;
    busy_until_ = now_ + batch_takes_;
    At(busy_until_ + way_, [this, &proxy, id] { End(proxy, id, absl::OkStatus()); });
  }
  void End(Proxy& proxy, BatchId id, const absl::Status& status) {
    Effects effects;
    proxy.scheduler->Complete(id, status, now_, effects);
    if (status.ok()) {
      longest_gap_ = std::max(longest_gap_, now_ - proxy.last_answer);
      proxy.last_answer = now_;
    }
    Turn(proxy);
  }

  const Duration batch_takes_;
  const Duration way_;
  std::array<Proxy, 2> proxies_;
  std::multimap<Time, std::function<void()>> events_;
  Time now_{};
  Time busy_until_{};
  std::uint64_t batches_ = 0;
  std::uint64_t refusals_ = 0;
  Duration longest_gap_{};
};

class TwoProxies : public testing::TestWithParam<std::pair<Duration, Duration>> {};

TEST_P(TwoProxies, ShareASlotThatRefusesWhoeverComesWhileItIsBusy) {
  const auto [batch_takes, way] = GetParam();
  SharedSlot slot(batch_takes, way);
  const Duration time = std::max<Duration>(seconds(60), 600 * batch_takes);
  slot.Play(time);
  const double all = static_cast<double>(slot.answered(0) + slot.answered(1));
  RecordProperty("share_of_the_first", std::to_string(static_cast<double>(slot.answered(0)) / all));
  RecordProperty("refusals_a_batch",
                 std::to_string(static_cast<double>(slot.refusals()) / static_cast<double>(slot.batches())));
  RecordProperty("longest_gap_s", std::to_string(ToSeconds(slot.longest_gap())));
  RecordProperty("utilisation",
                 std::to_string(static_cast<double>(slot.batches()) * ToSeconds(batch_takes) / ToSeconds(time)));
  for (const std::size_t proxy : {0U, 1U}) {
    EXPECT_GE(static_cast<double>(slot.answered(proxy)), all / 3) << "proxy " << proxy;
    EXPECT_EQ(slot.failed(proxy), 0U) << "proxy " << proxy;
  }
  // Neither proxy starves, and the slot is hardly ever empty because nobody asked for it.
  EXPECT_LE(slot.longest_gap(), std::max<Duration>(seconds(20), 100 * batch_takes));
  EXPECT_GE(static_cast<double>(slot.batches()) * ToSeconds(batch_takes), 0.75 * ToSeconds(time));
}

INSTANTIATE_TEST_SUITE_P(Batches, TwoProxies,
                         testing::Values(std::pair(Duration(milliseconds(5)), Duration(microseconds(200))),
                                         std::pair(Duration(milliseconds(10)), Duration(microseconds(100))),
                                         std::pair(Duration(milliseconds(50)), Duration(microseconds(200))),
                                         std::pair(Duration(milliseconds(300)), Duration(microseconds(200))),
                                         std::pair(Duration(seconds(2)), Duration(microseconds(500)))),
                         [](const auto& batch) {
                           return std::to_string(std::chrono::duration_cast<milliseconds>(batch.param.first).count()) +
                                  "Ms";
                         });

TEST(ABackendThatIsBusy, CostsNoAttemptAndNoBudgetAndCountsAsWell) {
  SchedulerOptions options;
  options.max_attempts = 1;
  auto scheduler = *Scheduler::Create(options, {"sjf", {}}, nullptr);
  scheduler->AddBackend("busy", 1, {.fixed = 0.01, .quadratic = 0});
  Effects effects;
  Time now{};
  const std::uint32_t lengths[] = {10, 20};
  ASSERT_TRUE(std::holds_alternative<RequestId>(scheduler->Offer({"a", lengths, kNever, 0}, now, effects)));
  Duration longest{};
  for (int i = 0; i < 300; ++i) {
    Step step = scheduler->Next(now);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      longest = std::max(longest, wait->time - now);
      now = wait->time;
      step = scheduler->Next(now);
    }
    ASSERT_TRUE(std::holds_alternative<Batch>(step)) << i;
    EXPECT_EQ(std::get<Batch>(step).members.size(), 2U);
    now += milliseconds(1);
    scheduler->Complete(std::get<Batch>(step).id, absl::ResourceExhaustedError("busy"), now, effects);
    EXPECT_TRUE(effects.finished.empty());
    EXPECT_TRUE(scheduler->backends().backends()[0].works());
    EXPECT_EQ(scheduler->NextTick(now), kNever);
  }
  EXPECT_GT(longest, milliseconds(5));
  EXPECT_LE(longest, milliseconds(10));  // what a batch takes
}

TEST(ABackendThatIsBusy, NowAndThenWithoutMuchTrafficHasNotFailed) {
  auto scheduler = *Scheduler::Create({}, {"sjf", {}}, nullptr);
  scheduler->AddBackend("busy", 1, CostModel{});
  Effects effects;
  Time now{};
  const std::uint32_t lengths[] = {10};
  for (int i = 0; i < 3; ++i) {
    const auto id = scheduler->Offer({"a", lengths, kNever, 0}, now, effects);
    const Step step = scheduler->Next(now);
    ASSERT_TRUE(std::holds_alternative<Batch>(step));
    scheduler->Complete(std::get<Batch>(step).id, absl::ResourceExhaustedError("busy"), now, effects);
    EXPECT_TRUE(scheduler->backends().backends()[0].works()) << i;
    scheduler->Cancel(std::get<RequestId>(id), now, effects);
    now += std::chrono::hours(1);
  }
}

TEST(ABackendThatIsBusy, AndNothingElseForAMinuteHasFailed) {
  auto scheduler = *Scheduler::Create({}, {"sjf", {}}, nullptr);
  scheduler->AddBackend("unable", 1, {});
  Effects effects;
  Time now{};
  const std::uint32_t lengths[] = {10};
  ASSERT_TRUE(std::holds_alternative<RequestId>(scheduler->Offer({"a", lengths, kNever, 0}, now, effects)));
  while (effects.finished.empty() && now < Time(std::chrono::minutes(2))) {
    const Step step = scheduler->Next(now);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      now = wait->time;
    } else if (const auto* const batch = std::get_if<Batch>(&step)) {
      now += milliseconds(10);
      scheduler->Complete(batch->id, absl::ResourceExhaustedError("no memory"), now, effects);
    } else {
      FAIL() << "nothing is left to be done";
    }
  }
  ASSERT_EQ(effects.finished.size(), 1U);
  EXPECT_EQ(effects.finished[0].outcome, Outcome::kBackendFailed);
  EXPECT_GE(now, Time(std::chrono::minutes(1)));
}

}  // namespace
}  // namespace smartbatch::scheduling
