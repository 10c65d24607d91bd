// What happens to the members of a batch that a backend fails for its content.
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

class FailedBatches : public ::testing::Test {
 protected:
  void SetUp() override {
    SchedulerOptions options;
    options.max_attempts = 3;
    auto made = Scheduler::Create(options, {.name = "fcfs", .parameters = {}}, nullptr);
    ASSERT_TRUE(made.ok()) << made.status();
    scheduler_ = *std::move(made);
  }

  BackendId AddBackend(const std::string& name) { return scheduler_->AddBackend(name, 1, CostModel{}); }
  void Offer(const std::vector<std::uint32_t>& lengths, const std::string& customer = "customer") {
    const auto answer = scheduler_->Offer({customer, lengths, kNever, 0}, now_, effects_);
    ASSERT_TRUE(std::holds_alternative<RequestId>(answer));
  }
  double ChargedSeconds(const std::string& customer) const {
    return scheduler_->customers().Find(customer)->charged_seconds;
  }
  // The batch that leaves when nothing holds it back.
  Batch Next() {
    Step step = scheduler_->Next(now_);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      now_ = wait->time;
      step = scheduler_->Next(now_);
    }
    const auto* const batch = std::get_if<Batch>(&step);
    EXPECT_NE(batch, nullptr) << "no batch leaves";
    return batch == nullptr ? Batch{} : *batch;
  }
  void Fail(const Batch& batch) { scheduler_->Complete(batch.id, absl::InternalError("bad"), now_, effects_); }
  void Succeed(const Batch& batch) { scheduler_->Complete(batch.id, absl::OkStatus(), now_, effects_); }
  std::vector<Outcome> Outcomes() const {
    std::vector<Outcome> outcomes;
    for (const Finished& finished : effects_.finished) outcomes.push_back(finished.outcome);
    return outcomes;
  }

  std::unique_ptr<Scheduler> scheduler_;
  Effects effects_;
  Time now_{};
};

TEST_F(FailedBatches, OneThatWasAloneIsTriedOnAnotherBackendWhichMayBeTheBetterOne) {
  AddBackend("bad");
  AddBackend("good");
  Offer({10});
  const Batch first = Next();
  Fail(first);
  EXPECT_TRUE(Outcomes().empty());
  const Batch second = Next();
  EXPECT_NE(second.backend, first.backend);
  EXPECT_EQ(second.reason, DispatchReason::kRetry);
  Succeed(second);
  EXPECT_EQ(Outcomes(), std::vector{Outcome::kAnswered});
}

TEST_F(FailedBatches, OneThatWasAloneFailsAtOnceIfNoOtherBackendCanBeUsed) {
  AddBackend("only");
  Offer({10});
  Fail(Next());
  EXPECT_EQ(Outcomes(), std::vector{Outcome::kBackendFailed});
}

TEST_F(FailedBatches, OneThatIsBadEverywhereIsSentMaxAttemptsTimesAtMost) {
  AddBackend("one");
  AddBackend("two");
  Offer({10});
  Batch batch = Next();
  for (int attempt = 2; attempt <= 3; ++attempt) {
    const BackendId before = batch.backend;
    Fail(batch);
    EXPECT_TRUE(Outcomes().empty()) << attempt;
    batch = Next();
    EXPECT_NE(batch.backend, before) << attempt;
  }
  Fail(batch);
  EXPECT_EQ(Outcomes(), std::vector{Outcome::kBackendFailed});
}

TEST_F(FailedBatches, MembersOfOneThatWasSharedAreTriedAloneEvenIfThereIsOneBackendOnly) {
  AddBackend("only");
  Offer({10});
  Offer({20});
  const Batch both = Next();
  ASSERT_EQ(both.members.size(), 2U);
  Fail(both);
  const Batch first = Next();
  ASSERT_EQ(first.members.size(), 1U);
  Fail(first);
  EXPECT_EQ(Outcomes(), std::vector{Outcome::kBackendFailed});
  Succeed(Next());
  EXPECT_EQ(Outcomes(), (std::vector{Outcome::kBackendFailed, Outcome::kAnswered}));
}

// --- A backend that crashes with a batch ---

class FallenBackends : public FailedBatches {
 protected:
  void SetUp() override {
    FailedBatches::SetUp();
    AddBackend("one");
    scheduler_->AddBackend("two", 3, CostModel{});
  }
  void Fall(const Batch& batch) {
    scheduler_->Complete(batch.id, Fell(absl::UnavailableError("connection reset")), now_, effects_);
  }
};

TEST_F(FallenBackends, HaveEachMemberTriedAloneOnceElsewhereAndNoneAfterTwo) {
  Offer({10});
  Offer({20});
  const Batch both = Next();
  ASSERT_EQ(both.members.size(), 2U);
  Fall(both);
  const Batch innocent = Next();
  ASSERT_EQ(innocent.members.size(), 1U);
  EXPECT_NE(innocent.backend, both.backend);
  Succeed(innocent);
  const Batch culprit = Next();
  ASSERT_EQ(culprit.members.size(), 1U);
  EXPECT_NE(culprit.backend, both.backend);
  Fall(culprit);
  EXPECT_EQ(Outcomes(), (std::vector{Outcome::kAnswered, Outcome::kBackendFailed}));
  // UNAVAILABLE would make the client send it again.
  EXPECT_EQ(effects_.finished.back().backend_status.code(), absl::StatusCode::kInternal);
  now_ += std::chrono::minutes(1);
  EXPECT_TRUE(std::holds_alternative<Nothing>(scheduler_->Next(now_)));
}

TEST_F(FallenBackends, NeverGetTwoSuspectsAtATimeButOtherBatches) {
  Offer({10});
  Offer({20});
  Fall(Next());
  const Batch first = Next();
  EXPECT_EQ(first.reason, DispatchReason::kRetry);
  EXPECT_FALSE(std::holds_alternative<Batch>(scheduler_->Next(now_)));  // two slots are free
  Offer({30});
  const Batch ordinary = Next();
  EXPECT_NE(ordinary.reason, DispatchReason::kRetry);
  EXPECT_EQ(ordinary.backend, first.backend);
  Succeed(first);
  EXPECT_EQ(Next().reason, DispatchReason::kRetry);
}

TEST_F(FallenBackends, ThatCouldNotBeReachedAtAllSuspectNobody) {
  Offer({10});
  Offer({20});
  scheduler_->Complete(Next().id, absl::UnavailableError("connection refused"), now_, effects_);
  const Batch again = Next();
  EXPECT_EQ(again.members.size(), 2U);
  EXPECT_NE(again.reason, DispatchReason::kRetry);
}

TEST_F(FallenBackends, LeaveASuspectAloneWhateverElseHappensToIt) {
  Offer({10});
  Offer({20});
  Fall(Next());
  const Batch first = Next();
  scheduler_->Complete(first.id, absl::ResourceExhaustedError("busy"), now_, effects_);
  const Batch second = Next();
  scheduler_->Complete(second.id, absl::UnavailableError("connection refused"), now_, effects_);
  for (int i = 0; i < 2; ++i) {
    const Batch batch = Next();
    EXPECT_EQ(batch.members.size(), 1U);
    Succeed(batch);
  }
  EXPECT_EQ(Outcomes(), std::vector(2, Outcome::kAnswered));
}

// --- Who pays ---

TEST_F(FailedBatches, ARiderBesideABadSequencePaysAsBesideAGoodOne) {
  constexpr std::uint32_t kCulprit = 50;
  const auto bills = [this](bool culprit_is_bad) {
    SetUp();
    AddBackend("only");
    Offer({kCulprit}, "culprit");
    Offer({10, 20}, "one");
    Offer({30, 40}, "other");
    while (scheduler_->pending().unfinished_requests() > 0) {
      const Batch batch = Next();
      const bool holds_it =
          std::any_of(batch.members.begin(), batch.members.end(), [](const auto& m) { return m.length == kCulprit; });
      culprit_is_bad&& holds_it ? Fail(batch) : Succeed(batch);
    }
    return std::map<std::string, double>{
        {"culprit", ChargedSeconds("culprit")}, {"one", ChargedSeconds("one")}, {"other", ChargedSeconds("other")}};
  };
  const auto good = bills(false);
  const auto bad = bills(true);
  EXPECT_GT(good.at("one"), 0);
  EXPECT_EQ(bad.at("one"), good.at("one"));
  EXPECT_EQ(bad.at("other"), good.at("other"));
  // The culprit also pays for the run that has convicted it.
  EXPECT_NEAR(bad.at("culprit"), good.at("culprit") + CostModel{}.Alone(kCulprit), 1e-12);
}

TEST_F(FailedBatches, WhatIsSentAgainBecauseABackendFailedIsNotPaidForTwice) {
  AddBackend("only");
  Offer({10});
  scheduler_->Complete(Next().id, absl::UnavailableError("gone"), now_, effects_);
  now_ += std::chrono::milliseconds(100);
  Succeed(Next());
  EXPECT_EQ(Outcomes(), std::vector{Outcome::kAnswered});
  EXPECT_NEAR(ChargedSeconds("customer"), CostModel{}.Alone(10), 1e-12);
}

}  // namespace
}  // namespace smartbatch::scheduling
