#include "services/proxy/runtime/recent_decisions.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::runtime {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

class RecentDecisionsTest : public ::testing::Test {
 protected:
  RecentDecisionsTest() { scheduler_->AddBackend("10.0.0.1:1", 1, {}); }

  void Offer(const std::string& customer, const std::vector<std::uint32_t>& lengths) {
    scheduling::Effects none;
    scheduler_->Offer({.customer = customer, .lengths = lengths}, now_, none);
  }
  scheduling::BatchId Dispatch() { return std::get<scheduling::Batch>(scheduler_->Next(now_)).id; }
  void Complete(scheduling::BatchId id, const absl::Status& status = absl::OkStatus()) {
    scheduling::Effects effects;
    scheduler_->Complete(id, status, now_, effects);
  }

  Time now_{std::chrono::hours(1)};
  RecentDecisions decisions_;
  std::unique_ptr<scheduling::Scheduler> scheduler_ = *scheduling::Scheduler::Create({}, {"sjf", {}}, &decisions_);
};

TEST_F(RecentDecisionsTest, TellsWhyABatchLeftWhatItHeldAndWhatItCost) {
  Offer("a", {100});
  Offer("b", {50, 60});
  const auto id = Dispatch();
  const RecentDecision running = decisions_.List(1).at(0);
  EXPECT_EQ(running.batch, id);
  EXPECT_EQ(running.backend, "10.0.0.1:1");
  EXPECT_EQ(running.strategy, "sjf");
  EXPECT_EQ(running.reason, scheduling::DispatchReason::kSlotFree);
  EXPECT_EQ(running.requests, 2U);
  std::map<std::uint32_t, std::string> owners;
  std::map<std::uint32_t, std::uint64_t> requests;
  for (const RecentDecision::Row& row : running.rows) {
    owners[row.length] = running.parts.at(row.part).customer;
    requests[row.length] = row.request;
  }
  EXPECT_THAT(owners, ElementsAre(Pair(50U, "b"), Pair(60U, "b"), Pair(100U, "a")));
  EXPECT_EQ(requests[50], requests[60]);
  EXPECT_NE(requests[50], requests[100]);
  EXPECT_EQ(running.took, std::nullopt);
  double charged = 0;
  for (const RecentDecision::Part& part : running.parts) {
    EXPECT_EQ(part.sequences, part.customer == "a" ? 1U : 2U);
    charged += part.charged_seconds;
  }
  EXPECT_THAT(running.parts, SizeIs(2));
  EXPECT_DOUBLE_EQ(running.predicted_seconds, 0.01);
  EXPECT_DOUBLE_EQ(charged, 0.01);

  now_ += milliseconds(12);
  Complete(id);
  EXPECT_EQ(decisions_.List(1).at(0).took, milliseconds(12));
  EXPECT_EQ(decisions_.List(1).at(0).status, absl::StatusCode::kOk);
}

TEST_F(RecentDecisionsTest, TellsHowABatchFailed) {
  Offer("a", {1});
  Complete(Dispatch(), absl::InternalError("poison"));
  EXPECT_EQ(decisions_.List(1).at(0).status, absl::StatusCode::kInternal);
}

TEST_F(RecentDecisionsTest, ChargesNothingForOneBatchToTheNext) {
  Offer("a", {100});
  Complete(Dispatch());
  Offer("b", {100});
  Complete(Dispatch());
  const auto newest = decisions_.List(1).at(0);
  ASSERT_THAT(newest.parts, SizeIs(1));
  EXPECT_EQ(newest.parts[0].customer, "b");
  EXPECT_DOUBLE_EQ(newest.parts[0].charged_seconds, 0.01);
}

TEST_F(RecentDecisionsTest, ChargesARequestThatFailedAloneToThatBatch) {
  Offer("culprit", {100});
  Offer("innocent", {100});
  Complete(Dispatch(), absl::InternalError("one of them is bad"));
  const auto alone = Dispatch();
  Complete(alone, absl::InternalError("it is this one"));
  Complete(Dispatch());
  const auto last = decisions_.List(2);
  EXPECT_EQ(last[1].batch, alone);
  ASSERT_THAT(last[1].parts, SizeIs(1));
  EXPECT_EQ(last[1].parts[0].customer, "culprit");
  EXPECT_DOUBLE_EQ(last[1].parts[0].charged_seconds, 0.01);
  ASSERT_THAT(last[0].parts, SizeIs(1));
  EXPECT_EQ(last[0].parts[0].customer, "innocent");
  EXPECT_EQ(last[0].parts[0].charged_seconds, 0);
}

TEST_F(RecentDecisionsTest, KeepsTheNewestAndNoMoreThanItsCapacity) {
  constexpr std::size_t kBatches = RecentDecisions::kCapacity * 2 + 7;
  for (std::size_t i = 0; i < kBatches; ++i) {
    Offer("customer-" + std::to_string(i), {1});
    Complete(Dispatch());
  }
  const auto all = decisions_.List(1000);
  ASSERT_THAT(all, SizeIs(RecentDecisions::kCapacity));
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].batch, kBatches - i);
    EXPECT_TRUE(all[i].took);
  }
  EXPECT_THAT(decisions_.List(3), SizeIs(3));
}

}  // namespace
}  // namespace smartbatch::runtime
