// What callers are told if no backend can be reached: what was wrong with the one that failed last.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::seconds;

const absl::Status kLate = absl::DeadlineExceededError("no answer within 5 s");

class WithoutABackend : public testing::Test {
 protected:
  WithoutABackend() {
    SchedulerOptions options;
    options.backends.pause_minimum = seconds(1);
    scheduler_ = *Scheduler::Create(options, {"fcfs", {}}, nullptr);
    backend_ = scheduler_->AddBackend("backend", 1, CostModel{});
  }
  std::optional<Rejection> Refusal() {
    const std::uint32_t lengths[] = {10};
    const auto answer = scheduler_->Offer({"a", lengths, kNever, 0}, now_, effects_);
    const auto* const rejection = std::get_if<Rejection>(&answer);
    return rejection == nullptr ? std::nullopt : std::optional(*rejection);
  }
  void EndBatch(const absl::Status& status) {
    Step step = scheduler_->Next(now_);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      now_ = wait->time;
      step = scheduler_->Next(now_);
    }
    ASSERT_TRUE(std::holds_alternative<Batch>(step));
    scheduler_->Complete(std::get<Batch>(step).id, status, now_, effects_);
  }
  void Check(HealthReport report) { scheduler_->ReportHealth(backend_, report, now_, effects_); }
  // Until the requests that wait have failed: returns what their callers are told.
  std::string WhatThoseAreToldWhoWait() {
    now_ = scheduler_->NextTick(now_);
    scheduler_->Tick(now_, effects_);
    EXPECT_FALSE(effects_.finished.empty());
    if (effects_.finished.empty()) return {};
    EXPECT_TRUE(absl::IsUnavailable(effects_.finished.back().backend_status));
    return std::string(effects_.finished.back().backend_status.message());
  }

  std::unique_ptr<Scheduler> scheduler_;
  BackendId backend_ = 0;
  Effects effects_;
  Time now_{std::chrono::hours(1)};
};

TEST_F(WithoutABackend, CallersWhoWaitAreToldWhyTheLastBatchFailedAndSoAreThoseWhoCome) {
  EXPECT_FALSE(Refusal());
  EndBatch(kLate);
  now_ += seconds(1);
  EXPECT_FALSE(Refusal());  // one is tried, the other waits
  EndBatch(kLate);
  EXPECT_EQ(effects_.finished.back().backend_status, absl::UnavailableError(kLate.message()));
  const std::optional<Rejection> refusal = Refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, RejectReason::kNoBackend);
  EXPECT_EQ(refusal->trouble, kLate.message());
}

TEST_F(WithoutABackend, ABatchThatWasGivenUpIsNoReason) {
  EXPECT_FALSE(Refusal());
  EndBatch(kLate);
  now_ += seconds(2);
  EndBatch(absl::CancelledError("given up"));
  EXPECT_EQ(Refusal().value_or(Rejection{}).trouble, kLate.message());
}

TEST_F(WithoutABackend, CallersAreToldThatItsHealthChecksSaySo) {
  Check(HealthReport::kNotServing);
  EXPECT_FALSE(Refusal());
  EXPECT_EQ(WhatThoseAreToldWhoWait(), "the backend's health check says that it does not serve");
}

TEST_F(WithoutABackend, CallersAreToldThatItsHealthChecksHaveNoAnswer) {
  for (std::uint32_t check = 0; check < BackendPool::kChecksToTakeOut; ++check) Check(HealthReport::kNoAnswer);
  EXPECT_FALSE(Refusal());
  EXPECT_EQ(WhatThoseAreToldWhoWait(), "the backend does not answer its health checks");
}

TEST_F(WithoutABackend, ReasonsOfBeforeABatchThatWasServedAreForgotten) {
  EXPECT_FALSE(Refusal());
  EndBatch(kLate);
  now_ += seconds(2);
  EndBatch(absl::OkStatus());
  scheduler_->RemoveBackend(backend_);
  EXPECT_FALSE(Refusal());
  EXPECT_EQ(WhatThoseAreToldWhoWait(), "");
}

}  // namespace
}  // namespace smartbatch::scheduling
