// A backend that takes smaller batches than the proxy is configured for.
#include "services/proxy/scheduling/backends/batch_size_limit.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::minutes;

// A scheduler with one backend that refuses batches of more than `takes` sequences.
class SmallBackend final : public SchedulerObserver {
 public:
  explicit SmallBackend(std::uint32_t takes, const StrategyChoice& strategy = {"density", {}}) : takes_(takes) {
    SchedulerOptions options;
    options.max_batch_size = 16;
    scheduler_ = *Scheduler::Create(options, strategy, this);
    scheduler_->AddBackend("small", 1, CostModel{});
  }

  void TakeFromNowOn(std::uint32_t sequences) { takes_ = sequences; }
  void Pass(Duration time) { now_ += time; }
  // Serves this many requests of up to 16 sequences.
  void Serve(int requests) {
    for (int i = 0; i < requests; ++i) {
      const std::vector<std::uint32_t> lengths(static_cast<std::size_t>(1 + (i * 7) % 16), 20);
      ASSERT_TRUE(std::holds_alternative<RequestId>(scheduler_->Offer({"a", lengths, kNever, 0}, now_, effects_)));
    }
    for (int steps = 0; scheduler_->pending().unfinished_requests() > 0; ++steps) {
      ASSERT_LT(steps, 10'000) << "it stands still";
      const Step step = scheduler_->Next(now_);
      if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
        now_ = wait->time;
        continue;
      }
      ASSERT_TRUE(std::holds_alternative<Batch>(step)) << "nothing leaves";
      End(std::get<Batch>(step));
    }
    for (const Finished& finished : effects_.finished) EXPECT_EQ(finished.outcome, Outcome::kAnswered);
    effects_ = {};
  }
  int TakeRefusals() { return std::exchange(refusals_, 0); }
  std::uint32_t TakeLargest() { return std::exchange(largest_, 0U); }
  std::uint32_t limit() const { return scheduler_->backends().backends()[0].size_limit.known(); }
  const std::vector<std::uint32_t>& told() const { return told_; }

  void BatchTooLarge(BackendId, std::uint32_t, std::uint32_t limit) override { told_.push_back(limit); }

 private:
  void End(const Batch& batch) {
    now_ += std::chrono::milliseconds(1);
    const auto size = static_cast<std::uint32_t>(batch.members.size());
    const bool refused = size > takes_;
    if (refused) ++refusals_;
    if (!refused) largest_ = std::max(largest_, size);
    const absl::Status status = refused ? absl::InvalidArgumentError("too many sequences") : absl::OkStatus();
    scheduler_->Complete(batch.id, status, now_, effects_);
  }

  std::unique_ptr<Scheduler> scheduler_;
  std::uint32_t takes_;
  Effects effects_;
  Time now_{};
  int refusals_ = 0;
  std::uint32_t largest_ = 0;
  std::vector<std::uint32_t> told_;
};

class UnderEveryStrategy : public testing::TestWithParam<std::pair<std::string, bool>> {};

TEST_P(UnderEveryStrategy, TheLimitIsFoundAndEveryBatchKeepsToIt) {
  const auto& [name, split] = GetParam();
  const StrategyChoice strategy{
      name, split ? std::map<std::string, std::string>{} : std::map<std::string, std::string>{{"split", "0"}}};
  SmallBackend backend(3, strategy);
  backend.Serve(400);
  // 16, 8, 4: each time half of the known size, and then the limit.
  EXPECT_LE(backend.TakeRefusals(), 4);
  EXPECT_EQ(backend.limit(), 3U);
  EXPECT_FALSE(backend.told().empty());
  backend.Serve(400);
  EXPECT_EQ(backend.TakeRefusals(), 0);
  EXPECT_EQ(backend.TakeLargest(), 3U);
}

std::vector<std::pair<std::string, bool>> Strategies() {
  std::vector<std::pair<std::string, bool>> all = {{"density", false}, {"weighted_fair", false}};
  for (const StrategySpecification& specification : AllStrategies()) all.emplace_back(specification.name, true);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Strategies, UnderEveryStrategy, testing::ValuesIn(Strategies()), [](const auto& tested) {
  return tested.param.first + (tested.param.second ? "" : "_without_splitting");
});

TEST(ASizeLimit, IsDoubtedAfterFiveMinutesByOneBatch) {
  SmallBackend backend(3);
  backend.Serve(400);
  backend.TakeRefusals();
  backend.Pass(minutes(6));
  backend.Serve(400);
  EXPECT_EQ(backend.TakeRefusals(), 1);
  EXPECT_EQ(backend.limit(), 3U);
  backend.TakeFromNowOn(16);
  backend.Pass(minutes(6));
  backend.Serve(400);
  EXPECT_EQ(backend.TakeRefusals(), 0);
  EXPECT_EQ(backend.limit(), 0U);
  EXPECT_EQ(backend.TakeLargest(), 16U);
}

TEST(ASizeLimit, IsFoundAgainOfABackendThatTakesLessThanItDid) {
  SmallBackend backend(16);
  backend.Serve(100);
  EXPECT_EQ(backend.limit(), 0U);
  backend.TakeFromNowOn(5);
  backend.Serve(400);
  EXPECT_LE(backend.TakeRefusals(), 5);
  EXPECT_EQ(backend.limit(), 5U);
}

TEST(ASizeLimit, IsNotLearnedFromABadSequence) {
  BatchSizeLimit limit;
  limit.Refused(1, 5, Time{});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(limit.ServedAlone(1, Time{}), std::nullopt);
  limit.FailedAlone(1);
  EXPECT_EQ(limit.known(), 0U);
  EXPECT_EQ(limit.Seats(5, Time{}), 5U);
  // The control.
  limit.Refused(2, 5, Time{});
  for (int i = 0; i < 4; ++i) limit.ServedAlone(2, Time{});
  EXPECT_EQ(limit.ServedAlone(2, Time{}), 5U);
  EXPECT_EQ(limit.Seats(5, Time{}), 3U);
}

TEST(ASizeLimit, LooksIntoAnotherBatchIfTheFirstOnesSequencesNeverCome) {
  BatchSizeLimit limit;
  limit.Refused(1, 2, Time{});
  limit.ServedAlone(1, Time{});
  limit.Refused(2, 2, Time(std::chrono::seconds(1)));
  limit.ServedAlone(2, Time{});
  EXPECT_EQ(limit.ServedAlone(2, Time{}), std::nullopt);
  limit.Refused(3, 2, Time(std::chrono::seconds(11)));
  limit.ServedAlone(3, Time(std::chrono::seconds(11)));
  EXPECT_EQ(limit.ServedAlone(3, Time(std::chrono::seconds(11))), 2U);
  EXPECT_EQ(limit.known(), 1U);
}

}  // namespace
}  // namespace smartbatch::scheduling
