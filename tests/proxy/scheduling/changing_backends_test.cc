// Backends that are replaced, even all at once, while requests wait and run.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;

class ChangingBackends : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Scheduler::Create({}, {.name = "sjf", .parameters = {}}, nullptr);
    ASSERT_TRUE(made.ok()) << made.status();
    scheduler_ = *std::move(made);
  }

  BackendId Add(std::uint32_t slots = 1) {
    return scheduler_->AddBackend("backend-" + std::to_string(++added_), slots, CostModel{});
  }
  bool Offer() {
    static const std::vector<std::uint32_t> kLengths = {10};
    const auto answer = scheduler_->Offer({"customer", kLengths, kNever, 0}, now_, effects_);
    return std::holds_alternative<RequestId>(answer);
  }
  // Sends every batch that can leave now.
  std::vector<Batch> Sent() {
    std::vector<Batch> sent;
    for (Step step = scheduler_->Next(now_); std::holds_alternative<Batch>(step); step = scheduler_->Next(now_)) {
      sent.push_back(std::get<Batch>(step));
    }
    return sent;
  }
  void Succeed(const Batch& batch) { scheduler_->Complete(batch.id, absl::OkStatus(), now_, effects_); }
  void Pass(Duration time) {
    now_ += time;
    scheduler_->Tick(now_, effects_);
  }
  std::uint64_t Count(Outcome outcome) const { return scheduler_->outcomes()[outcome]; }

  std::unique_ptr<Scheduler> scheduler_;
  Effects effects_;
  Time now_{std::chrono::hours(1)};
  int added_ = 0;
};

TEST_F(ChangingBackends, WhatWaitsWhenTheLastOneIsRemovedIsServedByTheNextOne) {
  const BackendId first = Add();
  ASSERT_TRUE(Offer());
  const std::vector<Batch> running = Sent();
  ASSERT_EQ(running.size(), 1U);
  ASSERT_TRUE(Offer());
  scheduler_->RemoveBackend(first);
  Pass(milliseconds(999));
  EXPECT_TRUE(Offer()) << "what comes waits too";
  EXPECT_TRUE(Sent().empty());
  Succeed(running[0]);
  EXPECT_EQ(Count(Outcome::kAnswered), 1U) << "what the removed one runs is finished";
  Add();
  const std::vector<Batch> next = Sent();
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].members.size(), 2U);
  Succeed(next[0]);
  EXPECT_EQ(Count(Outcome::kAnswered), 3U);
}

TEST_F(ChangingBackends, WhatWaitsFailsOnceThereHasBeenNoneForUnavailableAfter) {
  const BackendId first = Add();
  scheduler_->RemoveBackend(first);
  Pass({});
  ASSERT_TRUE(Offer());
  EXPECT_EQ(scheduler_->NextTick(now_), now_ + milliseconds(1000));
  Pass(milliseconds(1000));
  ASSERT_EQ(Count(Outcome::kBackendFailed), 1U);
  EXPECT_TRUE(absl::IsUnavailable(effects_.finished.at(0).backend_status));
  EXPECT_FALSE(Offer());
}

TEST_F(ChangingBackends, AtTheStartRequestsWaitForTheFirstOneToo) {
  ASSERT_TRUE(Offer());
  EXPECT_EQ(scheduler_->NextTick(now_), now_ + milliseconds(1000));
  Pass(milliseconds(500));
  Add();
  const std::vector<Batch> sent = Sent();
  ASSERT_EQ(sent.size(), 1U);
  Succeed(sent[0]);
  EXPECT_EQ(Count(Outcome::kAnswered), 1U);
}

TEST_F(ChangingBackends, FewerSlotsThanBatchesThatRunEndNone) {
  const BackendId only = Add(3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Offer());
    const std::vector<Batch> sent = Sent();
    ASSERT_EQ(sent.size(), 1U);
  }
  scheduler_->SetSlots(only, 1);
  ASSERT_TRUE(Offer());
  EXPECT_TRUE(Sent().empty());
  for (BatchId id = 1; id <= 3; ++id) {
    EXPECT_TRUE(Sent().empty()) << "as long as one runs";
    scheduler_->Complete(id, absl::OkStatus(), now_, effects_);
  }
  EXPECT_EQ(Sent().size(), 1U);
  EXPECT_TRUE(effects_.abandoned.empty());
  EXPECT_EQ(Count(Outcome::kAnswered), 3U);
  scheduler_->SetSlots(only, 2);
  ASSERT_TRUE(Offer());
  EXPECT_EQ(Sent().size(), 1U) << "one more at once";
}

// All backends are replaced again and again, by others that come up to a second after the last one has gone.
TEST_F(ChangingBackends, NoRequestFailsHoweverOftenAllAreExchanged) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SetUp();
    Random random(seed);
    std::vector<BackendId> there = {Add()};
    std::map<BatchId, Batch> running;
    std::uint64_t offered = 0;
    const auto go_on = [&](Duration longest) {
      const Time end = now_ + longest;
      while (now_ < end) {
        const Duration left = end - now_;
        Pass(std::min<Duration>(left, milliseconds(random.Between(0, 50))));
        offered += Offer() ? 1U : 0U;
        if (!running.empty() && random.Chance(0.8)) {
          Succeed(running.begin()->second);
          running.erase(running.begin());
        }
        for (const Batch& batch : Sent()) running.emplace(batch.id, batch);
      }
    };
    for (int exchange = 0; exchange < 20; ++exchange) {
      const bool adds_first = random.Chance(0.5);
      const std::vector<BackendId> old = there;
      there.clear();
      if (adds_first) there.push_back(Add(static_cast<std::uint32_t>(random.Between(1, 3))));
      for (const BackendId id : old) scheduler_->RemoveBackend(id);
      if (!adds_first) {
        Pass({});
        go_on(milliseconds(random.Between(0, 999)));
        there.push_back(Add(static_cast<std::uint32_t>(random.Between(1, 3))));
      }
      go_on(milliseconds(random.Between(10, 300)));
      scheduler_->SetSlots(there[0], static_cast<std::uint32_t>(random.Between(1, 3)));
    }
    while (scheduler_->pending().unfinished_requests() > 0) {
      for (const Batch& batch : Sent()) running.emplace(batch.id, batch);
      ASSERT_FALSE(running.empty());
      Succeed(running.begin()->second);
      running.erase(running.begin());
    }
    EXPECT_EQ(Count(Outcome::kAnswered), offered) << "seed " << seed;
    EXPECT_EQ(Count(Outcome::kRejected), 0U) << "seed " << seed;
    EXPECT_EQ(Count(Outcome::kBackendFailed), 0U) << "seed " << seed;
    EXPECT_LE(scheduler_->backends().backends().size(), 50U);
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
