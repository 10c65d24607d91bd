// Requests with more sequences than a batch has seats, under every strategy.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LargeRequests : public testing::TestWithParam<std::string> {
 protected:
  static constexpr std::uint32_t kSeats = 4;

  void SetUp() override {
    SchedulerOptions options;
    options.max_batch_size = kSeats;
    auto made = Scheduler::Create(options, {GetParam(), {}}, nullptr);
    ASSERT_TRUE(made.ok()) << made.status();
    scheduler_ = *std::move(made);
    scheduler_->AddBackend("backend", 1, CostModel{});
  }
  RequestId Offer(const std::vector<std::uint32_t>& lengths, Time deadline = kNever) {
    return std::get<RequestId>(scheduler_->Offer({"customer", lengths, deadline, 0}, now_, effects_));
  }
  // The batch that leaves when nothing holds it back.
  Batch Next() {
    Step step = scheduler_->Next(now_);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      now_ = wait->time;
      step = scheduler_->Next(now_);
    }
    return std::holds_alternative<Batch>(step) ? std::get<Batch>(step) : Batch{};
  }
  void End(const Batch& batch, const absl::Status& status = absl::OkStatus()) {
    now_ += FromSeconds(batch.predicted_seconds);
    scheduler_->Complete(batch.id, status, now_, effects_);
  }
  // The indexes of all members of the batches that leave until nothing waits, and how many each batch has.
  std::pair<std::vector<std::uint32_t>, std::vector<std::size_t>> ServeAll() {
    std::vector<std::uint32_t> served;
    std::vector<std::size_t> sizes;
    for (Batch batch = Next(); !batch.members.empty(); batch = Next()) {
      for (const BatchMember& member : batch.members) served.push_back(member.sequence);
      sizes.push_back(batch.members.size());
      End(batch);
    }
    return {served, sizes};
  }

  std::unique_ptr<Scheduler> scheduler_;
  Effects effects_;
  Time now_{};
};

TEST_P(LargeRequests, OfAnySizeAreServedOnceInTheFewestBatches) {
  for (std::uint32_t sequences = 1; sequences <= 3 * kSeats + 1; ++sequences) {
    Offer(std::vector<std::uint32_t>(sequences, 100));
    auto [served, sizes] = ServeAll();
    std::sort(served.begin(), served.end());
    ASSERT_EQ(served.size(), sequences);
    for (std::uint32_t i = 0; i < sequences; ++i) EXPECT_EQ(served[i], i);
    EXPECT_EQ(sizes.size(), (sequences + kSeats - 1) / kSeats) << sequences;
    ASSERT_EQ(effects_.finished.size(), 1U);
    EXPECT_EQ(effects_.finished.front().outcome, Outcome::kAnswered);
    EXPECT_EQ(effects_.finished.front().batch_sizes, BatchSizes(sizes.begin(), sizes.end()));
    effects_ = {};
  }
}

TEST_P(LargeRequests, OfTheLargestSizeAreServed) {
  Offer(std::vector<std::uint32_t>(kMostSequences, 10));
  EXPECT_EQ(ServeAll().second.size(), kMostSequences / kSeats);
  ASSERT_EQ(effects_.finished.size(), 1U);
  EXPECT_EQ(effects_.finished.front().outcome, Outcome::kAnswered);
}

TEST_P(LargeRequests, TakeAsLongByThemselvesAsTheirBatchesOneAfterTheOther) {
  Offer(std::vector<std::uint32_t>(2 * kSeats + 1, 1000));  // 1 s each, however many are in a batch
  ServeAll();
  EXPECT_DOUBLE_EQ(effects_.finished.front().alone_seconds, 3);
  // Some strategies hold the last one for company.
  const Duration latency = effects_.finished.front().finish - effects_.finished.front().arrival;
  EXPECT_GE(latency, seconds(3));
  EXPECT_LE(latency, milliseconds(3050));
}

TEST_P(LargeRequests, ExpireInTheirMiddleAndTakeNoFurtherBatch) {
  Offer(std::vector<std::uint32_t>(3 * kSeats, 1000), now_ + milliseconds(1500));
  End(Next());
  const Batch second = Next();
  ASSERT_EQ(second.members.size(), kSeats);
  now_ += milliseconds(500);
  scheduler_->Tick(now_, effects_);
  ASSERT_EQ(effects_.finished.size(), 1U);
  EXPECT_EQ(effects_.finished.front().outcome, Outcome::kExpired);
  EXPECT_EQ(effects_.abandoned, std::vector{second.id});
  End(second, absl::CancelledError("nobody waits for it"));
  EXPECT_TRUE(Next().members.empty());
  EXPECT_EQ(scheduler_->pending().unfinished_requests(), 0U);
}

TEST_P(LargeRequests, AreCancelledInTheirMiddle) {
  const RequestId id = Offer(std::vector<std::uint32_t>(3 * kSeats, 100));
  End(Next());
  const Batch second = Next();
  scheduler_->Cancel(id, now_, effects_);
  EXPECT_EQ(effects_.abandoned, std::vector{second.id});
  End(second, absl::CancelledError("nobody waits for it"));
  ASSERT_EQ(effects_.finished.size(), 1U);
  EXPECT_EQ(effects_.finished.front().outcome, Outcome::kCancelled);
  EXPECT_TRUE(Next().members.empty());
}

TEST_P(LargeRequests, FailWithOneBadSequenceAndLeaveTheirNeighboursAlone) {
  constexpr std::uint32_t kBad = 77;
  std::vector<std::uint32_t> lengths(2 * kSeats + 1, 100);
  lengths[kSeats + 1] = kBad;
  const RequestId large = Offer(lengths);
  const RequestId small = Offer({100});
  for (Batch batch = Next(); !batch.members.empty(); batch = Next()) {
    const bool fails = std::any_of(batch.members.begin(), batch.members.end(),
                                   [](const BatchMember& member) { return member.length == kBad; });
    End(batch, fails ? absl::InternalError("bad") : absl::OkStatus());
  }
  ASSERT_EQ(effects_.finished.size(), 2U);
  for (const Finished& finished : effects_.finished) {
    EXPECT_EQ(finished.outcome, finished.id == large ? Outcome::kBackendFailed : Outcome::kAnswered);
    EXPECT_TRUE(finished.id == large || finished.id == small);
  }
}

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  for (const StrategySpecification& specification : AllStrategies()) names.push_back(specification.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Strategies, LargeRequests, testing::ValuesIn(StrategyNames()),
                         [](const auto& tested) { return tested.param; });

}  // namespace
}  // namespace smartbatch::scheduling
