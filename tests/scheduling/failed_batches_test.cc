// What becomes of the members of a batch that a backend fails for its content.
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
  void Offer(const std::vector<std::uint32_t>& lengths) {
    const auto answer = scheduler_->Offer({"customer", lengths, kNever, 0}, now_, effects_);
    ASSERT_TRUE(std::holds_alternative<RequestId>(answer));
  }
  // The batch that leaves once nothing holds it back.
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

TEST_F(FailedBatches, OneThatWasAloneFailsAtOnceWhereNoOtherBackendCanBeUsed) {
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

TEST_F(FailedBatches, MembersOfOneThatWasSharedAreTriedAloneEvenWhereThereIsOneBackendOnly) {
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

}  // namespace
}  // namespace smartbatch::scheduling
