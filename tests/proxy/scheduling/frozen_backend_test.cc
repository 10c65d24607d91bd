// How long a backend that has stopped may keep its batches.
#include <chrono>
#include <memory>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AFrozenBackend : public testing::Test {
 protected:
  void SetUp() override {
    scheduler_ = *Scheduler::Create({}, {"sjf", {}}, nullptr);
    backend_ = scheduler_->AddBackend("backend", 1, CostModel{});
  }
  Batch Send(std::uint32_t length) {
    const std::uint32_t lengths[] = {length};
    EXPECT_TRUE(std::holds_alternative<RequestId>(scheduler_->Offer({"a", lengths, kNever, 0}, now_, effects_)));
    Step step = scheduler_->Next(now_);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      now_ = wait->time;
      step = scheduler_->Next(now_);
    }
    EXPECT_TRUE(std::holds_alternative<Batch>(step));
    return std::get<Batch>(step);
  }
  void End(const Batch& batch, Duration took, const absl::Status& status = absl::OkStatus()) {
    now_ += took;
    scheduler_->Complete(batch.id, status, now_, effects_);
  }
  void Serve(std::size_t batches, Duration took) {
    for (std::size_t i = 0; i < batches; ++i) End(Send(kLength), took);
  }
  std::vector<BatchId> GivenUpAfterACheckWithoutAnswer(HealthReport report = HealthReport::kNoAnswer) {
    effects_.abandoned.clear();
    scheduler_->ReportHealth(backend_, report, now_, effects_);
    return effects_.abandoned;
  }

  static constexpr std::uint32_t kLength = 100;  // 10 ms
  std::unique_ptr<Scheduler> scheduler_;
  BackendId backend_ = 0;
  Effects effects_;
  Time now_{};
};

TEST_F(AFrozenBackend, LosesItsBatchesAsSoonAsItsHealthChecksSaySo) {
  const Batch batch = Send(kLength);
  for (int check = 1; check <= 2; ++check) {
    now_ += seconds(1);
    EXPECT_TRUE(GivenUpAfterACheckWithoutAnswer().empty()) << check;
  }
  now_ += seconds(1);
  EXPECT_EQ(GivenUpAfterACheckWithoutAnswer(), std::vector{batch.id});
  End(batch, Duration(0), absl::CancelledError("given up"));
  EXPECT_TRUE(effects_.finished.empty());  // it waits for another try
  EXPECT_EQ(scheduler_->pending().waiting_requests(), 1U);
}

TEST_F(AFrozenBackend, KeepsABatchThatNeedsItsTimeUntilThatIsOver) {
  const Batch batch = Send(3000);  // 9 s
  for (int check = 1; check <= 27; ++check) {
    now_ += seconds(1);
    EXPECT_TRUE(GivenUpAfterACheckWithoutAnswer().empty()) << check;
  }
  now_ += seconds(1);
  EXPECT_EQ(GivenUpAfterACheckWithoutAnswer(), std::vector{batch.id});
}

TEST_F(AFrozenBackend, IsNotOneThatTakesConnectionsWhichKeepsItsBatch) {
  const Batch batch = Send(kLength);
  for (int check = 1; check <= 100; ++check) {
    now_ += seconds(1);
    EXPECT_TRUE(GivenUpAfterACheckWithoutAnswer(HealthReport::kConnects).empty()) << check;
  }
  // Nor are the checks before it and after it in a row.
  for (const HealthReport report : {HealthReport::kNoAnswer, HealthReport::kNoAnswer, HealthReport::kConnects,
                                    HealthReport::kNoAnswer, HealthReport::kNoAnswer}) {
    EXPECT_TRUE(GivenUpAfterACheckWithoutAnswer(report).empty());
  }
  EXPECT_TRUE(scheduler_->backends().backends()[backend_].works());
  EXPECT_EQ(GivenUpAfterACheckWithoutAnswer(), std::vector{batch.id});
}

TEST_F(AFrozenBackend, ThatTakesConnectionsAgainIsOutUntilItAnswers) {
  for (int check = 1; check <= 3; ++check) GivenUpAfterACheckWithoutAnswer();
  EXPECT_FALSE(scheduler_->backends().backends()[backend_].works());
  GivenUpAfterACheckWithoutAnswer(HealthReport::kConnects);
  EXPECT_FALSE(scheduler_->backends().backends()[backend_].works());
  GivenUpAfterACheckWithoutAnswer(HealthReport::kServing);
  EXPECT_TRUE(scheduler_->backends().backends()[backend_].works());
}

TEST_F(AFrozenBackend, ThatSaysItDoesNotServeFinishesWhatItHas) {
  Send(kLength);
  now_ += seconds(10);
  scheduler_->ReportHealth(backend_, HealthReport::kNotServing, now_, effects_);
  EXPECT_TRUE(effects_.abandoned.empty());
}

TEST_F(AFrozenBackend, HasTheConfiguredTimeUntilItsCostIsKnownAndThenASecondOrTenTimesThatCost) {
  Batch batch = Send(kLength);
  EXPECT_EQ(batch.timeout, seconds(5));
  End(batch, milliseconds(10));
  Serve(CostFit::kSamples, milliseconds(10));
  batch = Send(kLength);
  EXPECT_EQ(batch.timeout, seconds(1));
  End(batch, milliseconds(10));
  // The cost of twice the length is still known; beyond that the model is a belief.
  batch = Send(2 * kLength + 1);
  EXPECT_EQ(batch.timeout, seconds(5));
}

TEST_F(AFrozenBackend, HasTenTimesTheKnownCostOfLongBatches) {
  Serve(2 * CostFit::kSamples, milliseconds(300));
  const Batch batch = Send(kLength);
  EXPECT_NEAR(ToSeconds(batch.timeout), 3, 0.1);
}

TEST_F(AFrozenBackend, IsGivenTheConfiguredTimeAgainAfterATimeoutSinceItMayHaveBecomeSlow) {
  Serve(2 * CostFit::kSamples, milliseconds(10));
  Batch batch = Send(kLength);
  ASSERT_EQ(batch.timeout, seconds(1));
  End(batch, batch.timeout, absl::DeadlineExceededError("no answer"));
  // It has become two hundred times slower: each batch is served, and the fit learns from it.
  for (std::size_t i = 0; i < 3 * CostFit::kSamples; ++i) {
    batch = i == 0 ? std::get<Batch>([this] {
      now_ = scheduler_->backends().backends()[backend_].paused_until;
      return scheduler_->Next(now_);
    }())
                   : Send(kLength);
    ASSERT_GT(batch.timeout, seconds(2)) << i;
    End(batch, seconds(2));
  }
  EXPECT_EQ(effects_.finished.size(), scheduler_->outcomes()[Outcome::kAnswered]);
}

TEST(AScheduler, KeepsToAConfiguredTimeoutBelowASecond) {
  SchedulerOptions options;
  options.batch_timeout_minimum = milliseconds(300);
  auto scheduler = *Scheduler::Create(options, {"sjf", {}}, nullptr);
  scheduler->AddBackend("backend", 1, CostModel{});
  Time now{};
  Effects effects;
  for (std::size_t i = 0; i <= 2 * CostFit::kSamples; ++i) {
    const std::uint32_t lengths[] = {100};
    ASSERT_TRUE(std::holds_alternative<RequestId>(scheduler->Offer({"a", lengths, kNever, 0}, now, effects)));
    const Batch batch = std::get<Batch>(scheduler->Next(now));
    EXPECT_EQ(batch.timeout, milliseconds(300));
    now += milliseconds(10);
    scheduler->Complete(batch.id, absl::OkStatus(), now, effects);
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
