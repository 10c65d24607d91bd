// Backends that come, go, fail and are unhealthy, as the dispatcher sees them; and requests that are never sent to one.
#include <chrono>
#include <memory>
#include <string>

#include <gmock/gmock.h>

#include "tests/proxy/runtime/harness.h"

namespace smartbatch::runtime {
namespace {

using scheduling::HealthReport;
using scheduling::Outcome;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;
using testing::ManualClock;
using testing::ScriptedBackend;
using ::testing::SizeIs;

// The backend of the harness has id 0.
constexpr scheduling::BackendId kFirst = 0;

class TheBackends : public ::testing::Test {
 protected:
  scheduling::BackendId AddOther() { return proxy_.dispatcher.AddBackend("other", 1, {}, other_); }

  std::shared_ptr<ScriptedBackend> other_ = std::make_shared<ScriptedBackend>();
  Harness proxy_;
};

TEST_F(TheBackends, ARemovedOneFinishesItsBatchAndGetsNoOther) {
  const auto other = AddOther();
  proxy_.Submit({"on the first"});
  auto& running = proxy_.Submit({"on the other"});
  auto& waiting = proxy_.Submit({"waits"});
  proxy_.dispatcher.RemoveBackend(other);
  EXPECT_THAT(proxy_.dispatcher.Look(0).backends, SizeIs(1));
  other_->AnswerNext();
  EXPECT_EQ(running.only_reply().outcome, Outcome::kAnswered);
  EXPECT_THAT(waiting.replies, IsEmpty());
  EXPECT_FALSE(other_->Take());
  EXPECT_EQ(other_.use_count(), 1) << "the dispatcher must let it go";
  proxy_.backend.AnswerNext();
  proxy_.backend.AnswerNext();
  EXPECT_EQ(waiting.only_reply().outcome, Outcome::kAnswered);
}

TEST_F(TheBackends, OneThatComesTakesWhatWaits) {
  proxy_.Submit({"on the first"});
  auto& waiting = proxy_.Submit({"waits"});
  AddOther();
  other_->AnswerNext();
  EXPECT_EQ(waiting.only_reply().outcome, Outcome::kAnswered);
}

TEST_F(TheBackends, OneThatIsUnhealthyGetsNothingUntilItIsHealthy) {
  AddOther();
  proxy_.dispatcher.ReportHealth(kFirst, HealthReport::kNotServing);
  EXPECT_FALSE(proxy_.dispatcher.Look(0).backends[kFirst].up);
  proxy_.Submit({"one"});
  proxy_.Submit({"two"});
  EXPECT_THAT(proxy_.backend.Waiting(), IsEmpty());
  EXPECT_THAT(other_->Waiting(), ElementsAre(ElementsAre("one")));
  proxy_.dispatcher.ReportHealth(kFirst, HealthReport::kServing);
  EXPECT_THAT(proxy_.backend.Waiting(), ElementsAre(ElementsAre("two")));
  other_->AnswerNext();
}

TEST_F(TheBackends, OneThatAnswersNoHealthCheckIsToldToGiveItsBatchUpWhichGoesToAnother) {
  auto& held = proxy_.Submit({"held"});
  AddOther();
  auto sent = proxy_.backend.TakeNext();
  for (int check = 1; check <= 3; ++check) {
    EXPECT_FALSE(proxy_.backend.WasCancelled(sent.id)) << check;
    proxy_.clock.Advance(std::chrono::seconds(1));
    proxy_.dispatcher.ReportHealth(kFirst, HealthReport::kNoAnswer);
  }
  EXPECT_TRUE(proxy_.backend.WasCancelled(sent.id));
  std::move(sent.reply).Fulfil(absl::CancelledError("given up"));
  other_->AnswerNext();
  EXPECT_EQ(held.only_reply().outcome, Outcome::kAnswered);
}

TEST_F(TheBackends, IfNoneIsHealthyRequestsFailAfterASecond) {
  proxy_.dispatcher.ReportHealth(kFirst, HealthReport::kNotServing);
  auto& waiting = proxy_.Submit({"waits"});
  EXPECT_THAT(waiting.replies, IsEmpty());
  EXPECT_EQ(proxy_.dispatcher.NextTick(), proxy_.clock.Now() + std::chrono::seconds(1));
  proxy_.clock.Advance(std::chrono::seconds(1));
  proxy_.dispatcher.Tick();
  EXPECT_EQ(waiting.only_reply().outcome, Outcome::kBackendFailed);
  EXPECT_EQ(proxy_.Submit({"refused"}).only_reply().rejection.reason, scheduling::RejectReason::kNoBackend);
}

TEST_F(TheBackends, WhatFailedForItsContentIsTriedAgainOnAnother) {
  AddOther();
  auto& request = proxy_.Submit({"a", "b"});
  proxy_.backend.FailNext(absl::InternalError("broken"));
  // The first backend has a free slot too, but it has failed these requests.
  EXPECT_THAT(proxy_.backend.Waiting(), IsEmpty());
  other_->AnswerNext();
  EXPECT_THAT(proxy_.backend.Waiting(), IsEmpty());
  other_->AnswerNext();
  EXPECT_THAT(request.labels(), ElementsAre("a", "b"));
}

TEST_F(TheBackends, IfThereIsNoOtherItIsTriedAgainOnTheSame) {
  auto& request = proxy_.Submit({"a", "b"});
  proxy_.backend.FailNext(absl::InternalError("broken"));
  proxy_.backend.AnswerNext();
  proxy_.backend.AnswerNext();
  EXPECT_THAT(request.labels(), ElementsAre("a", "b"));
}

TEST_F(TheBackends, RetriesEndWithTheirBudget) {
  int resent = 0;
  int failed = 0;
  // 30 requests of five sequences, each sent to a backend that is gone and then to one that answers.
  for (int i = 0; i < 30; ++i) {
    auto& request = proxy_.Submit({"1", "2", "3", "4", "5"});
    proxy_.backend.FailNext(absl::UnavailableError("gone"));
    proxy_.clock.Advance(milliseconds(100));
    proxy_.dispatcher.Tick();
    if (request.replies.empty()) {
      ++resent;
      proxy_.backend.AnswerNext();
      EXPECT_EQ(request.only_reply().outcome, Outcome::kAnswered);
      continue;
    }
    ++failed;
    EXPECT_EQ(request.only_reply().outcome, Outcome::kBackendFailed);
    // A served request ends the pause, and earns too little budget for another five.
    auto& served = proxy_.Submit({"x"});
    proxy_.backend.AnswerNext();
    EXPECT_EQ(served.only_reply().outcome, Outcome::kAnswered);
  }
  // 100 sequences at first, and a fifth of those served: 20 x 5 + 24 x 5 x 0.2.
  EXPECT_GE(resent, 20);
  EXPECT_LE(resent, 26);
  EXPECT_EQ(resent + failed, 30);
}

TEST_F(TheBackends, WhatHasExpiredIsNotSentEvenIfTheTimerIsLate) {
  auto& running = proxy_.Submit({"running"});
  auto& expired = proxy_.Submit({"expired"}, proxy_.clock.Now() + milliseconds(5));
  proxy_.clock.Advance(milliseconds(5));  // and nobody ticks
  proxy_.backend.AnswerNext();
  EXPECT_EQ(running.only_reply().outcome, Outcome::kAnswered);
  EXPECT_EQ(expired.only_reply().outcome, Outcome::kExpired);
  EXPECT_THAT(proxy_.backend.Waiting(), IsEmpty());
}

// Sums up the part of the batches' time that was for nothing.
class DeadWork final : public scheduling::SchedulerObserver {
 public:
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status&) override {
    seconds += ToSeconds(took) * batch.dead / static_cast<double>(batch.members.size());
    members += batch.dead;
  }
  double seconds = 0;
  std::uint32_t members = 0;
};

TEST(DeadRequests, CostTheBackendOnlyWhatWasRunningWhenTheyDied) {
  DeadWork dead;
  ManualClock clock;
  ScriptedBackend backend;
  Dispatcher dispatcher(*scheduling::Scheduler::Create({}, {"fcfs", {{"linger_ms", "0"}}}, &dead), clock, nullptr);
  dispatcher.AddBackend("backend", 1, {}, backend);
  std::vector<std::unique_ptr<Ticket>> tickets;
  int replies = 0;
  const auto submit = [&](Time deadline) {
    tickets.push_back(std::make_unique<Ticket>());
    Submission request{.customer = "a", .payload = testing::PayloadOf({"x"}), .deadline = deadline};
    dispatcher.Submit(std::move(request), *tickets.back(), Reply([&replies](absl::StatusOr<Ending>) { ++replies; }));
  };
  submit(kNever);
  for (int i = 0; i < 10; ++i) submit(i % 2 == 0 ? kNever : clock.Now() + milliseconds(1));
  clock.Advance(milliseconds(10));
  for (std::size_t i = 1; i <= 4; ++i) dispatcher.Cancel(*tickets[i]);  // they wait, or have expired
  for (int i = 0; i < 2; ++i) backend.AnswerNext();
  EXPECT_EQ(dead.members, 0U);
  EXPECT_EQ(dead.seconds, 0);

  // Two of three running requests: their part of the time is for nothing, and the batch goes on for the third.
  for (int i = 0; i < 4; ++i) submit(kNever);
  backend.AnswerNext();
  auto sent = backend.TakeNext();
  ASSERT_THAT(sent.texts, SizeIs(3));
  dispatcher.Cancel(*tickets[tickets.size() - 1]);
  dispatcher.Cancel(*tickets[tickets.size() - 2]);
  EXPECT_FALSE(backend.WasCancelled(sent.id));
  clock.Advance(milliseconds(30));
  dispatcher.Cancel(*tickets[tickets.size() - 3]);
  EXPECT_TRUE(backend.WasCancelled(sent.id)) << "nobody waits for it any more";
  std::move(sent.reply).Fulfil(absl::CancelledError("given up"));
  EXPECT_EQ(dead.members, 3U);
  EXPECT_DOUBLE_EQ(dead.seconds, 0.03);
  EXPECT_EQ(replies, 15);
  EXPECT_TRUE(dispatcher.WaitUntilIdle(Duration::zero()));
}

}  // namespace
}  // namespace smartbatch::runtime
