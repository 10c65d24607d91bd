#include "services/proxy/runtime/dispatcher.h"

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/proxy/runtime/harness.h"

namespace smartbatch::runtime {
namespace {

using scheduling::Outcome;
using scheduling::RejectReason;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using testing::Harness;
using ::testing::IsEmpty;

TEST(Dispatcher, AnswersEachRequestWithItsOwnResultsInOrder) {
  Harness proxy;
  auto& busy = proxy.Submit({"first"});
  auto& one = proxy.Submit({"a", "bb"});
  auto& other = proxy.Submit({"ccc", "d"});
  proxy.backend.AnswerNext();
  EXPECT_THAT(proxy.backend.Waiting(), ElementsAre(ElementsAre("a", "bb", "ccc", "d")));
  proxy.backend.AnswerNext();
  EXPECT_THAT(busy.labels(), ElementsAre("first"));
  EXPECT_THAT(one.labels(), ElementsAre("a", "bb"));
  EXPECT_THAT(other.labels(), ElementsAre("ccc", "d"));
  EXPECT_THAT(one.only_reply().batch_sizes, ElementsAre(4U));
}

// Two batches hold its parts at once, and the later one ends first.
TEST(Dispatcher, AnswersASplitRequestOnceWithTheLastOfItsPartsAndInItsOwnOrder) {
  for (const bool later_ends_first : {true, false}) {
    scheduling::SchedulerOptions options;
    options.max_batch_size = 2;
    Harness proxy(options, {"density", {{"hold", "0"}}}, nullptr, 2);
    auto& split = proxy.Submit({"a", "bb", "ccc", "dddd"});
    std::optional<testing::ScriptedBackend::Sent> one = proxy.backend.Take();
    std::optional<testing::ScriptedBackend::Sent> other = proxy.backend.Take();
    ASSERT_TRUE(one && other);
    if (later_ends_first) std::swap(one, other);
    testing::ScriptedBackend::Answer(*std::move(one));
    EXPECT_THAT(split.replies, IsEmpty());
    testing::ScriptedBackend::Answer(*std::move(other));
    EXPECT_THAT(split.labels(), ElementsAre("a", "bb", "ccc", "dddd"));
  }
}

TEST(Dispatcher, SendsNothingWhileEverySlotIsTaken) {
  Harness proxy;
  proxy.Submit({"a"});
  proxy.Submit({"b"});
  proxy.Submit({"c"});
  EXPECT_THAT(proxy.backend.Waiting(), ElementsAre(ElementsAre("a")));
  proxy.backend.AnswerNext();
  EXPECT_THAT(proxy.backend.Waiting(), ElementsAre(ElementsAre("b", "c")));
}

TEST(Dispatcher, UsesEverySlot) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "0"}}}, nullptr, 2);
  proxy.Submit({"a"});
  proxy.Submit({"b"});
  proxy.Submit({"c"});
  EXPECT_THAT(proxy.backend.Waiting(), ElementsAre(ElementsAre("a"), ElementsAre("b")));
}

TEST(Dispatcher, LingersExactlyAsLongAsItIsTold) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  const Time start = proxy.clock.Now();
  proxy.Submit({"a"});
  EXPECT_EQ(proxy.dispatcher.NextTick(), start + milliseconds(50));
  proxy.clock.Advance(milliseconds(50) - Duration(1));
  proxy.dispatcher.Tick();
  EXPECT_THAT(proxy.backend.Waiting(), IsEmpty());
  proxy.clock.Advance(Duration(1));
  proxy.dispatcher.Tick();
  EXPECT_THAT(proxy.backend.Waiting(), ElementsAre(ElementsAre("a")));
  EXPECT_EQ(proxy.dispatcher.NextTick(), kNever);
}

TEST(Dispatcher, TellsHowLongTheRequestQueuedAndWasServed) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  auto& request = proxy.Submit({"a"});
  proxy.clock.Advance(milliseconds(50));
  proxy.dispatcher.Tick();
  proxy.clock.Advance(milliseconds(7));
  proxy.backend.AnswerNext();
  EXPECT_EQ(request.only_reply().queued, milliseconds(50));
  EXPECT_EQ(request.only_reply().in_service, milliseconds(7));
  EXPECT_EQ(request.only_reply().latency, milliseconds(57));
  EXPECT_EQ(request.only_reply().strategy, "fcfs");
}

TEST(Dispatcher, TellsALoneRequestThatItsBatchLingered) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  auto& lone = proxy.Submit({"a"});
  proxy.clock.Advance(milliseconds(50));
  proxy.dispatcher.Tick();
  proxy.backend.AnswerNext();
  EXPECT_EQ(lone.only_reply().dispatch_reason, "linger");
  auto& filling = proxy.Submit({"a", "b", "c", "d", "e"});
  proxy.backend.AnswerNext();
  EXPECT_EQ(filling.only_reply().dispatch_reason, "full");
}

TEST(Dispatcher, EndsARequestAtItsDeadline) {
  Harness proxy;
  proxy.Submit({"busy"});
  const Time deadline = proxy.clock.Now() + milliseconds(10);
  auto& request = proxy.Submit({"a"}, deadline);
  EXPECT_EQ(proxy.dispatcher.NextTick(), deadline);
  proxy.clock.Advance(milliseconds(10));
  proxy.dispatcher.Tick();
  EXPECT_EQ(request.only_reply().outcome, Outcome::kExpired);
  proxy.backend.AnswerNext();
  EXPECT_THAT(proxy.backend.Waiting(), IsEmpty());  // it is never sent
}

TEST(Dispatcher, RefusesADeadlineThatHasPassed) {
  Harness proxy;
  auto& request = proxy.Submit({"a"}, proxy.clock.Now());
  EXPECT_EQ(request.only_reply().outcome, Outcome::kRejected);
  EXPECT_EQ(request.only_reply().rejection.reason, RejectReason::kDeadlinePassed);
}

TEST(Dispatcher, NeverSendsACancelledRequest) {
  Harness proxy;
  proxy.Submit({"busy"});
  auto& request = proxy.Submit({"a"});
  proxy.dispatcher.Cancel(request.ticket);
  proxy.dispatcher.Cancel(request.ticket);
  EXPECT_EQ(request.only_reply().outcome, Outcome::kCancelled);
  proxy.backend.AnswerNext();
  EXPECT_THAT(proxy.backend.Waiting(), IsEmpty());
}

TEST(Dispatcher, ACancelBeforeTheSubmitCounts) {
  Harness proxy;
  Harness::Submitted request;
  proxy.dispatcher.Cancel(request.ticket);
  proxy.SubmitAs(request, {"a"});
  EXPECT_EQ(request.only_reply().outcome, Outcome::kCancelled);
  EXPECT_THAT(proxy.backend.Waiting(), IsEmpty());
}

TEST(Dispatcher, ACancelAfterTheAnswerChangesNothing) {
  Harness proxy;
  auto& request = proxy.Submit({"a"});
  proxy.backend.AnswerNext();
  auto& next = proxy.Submit({"b"});  // takes the place of the first
  proxy.dispatcher.Cancel(request.ticket);
  EXPECT_EQ(request.only_reply().outcome, Outcome::kAnswered);
  proxy.backend.AnswerNext();
  EXPECT_EQ(next.only_reply().outcome, Outcome::kAnswered);
}

TEST(Dispatcher, WhatExpiredIsNotCountedAsCancelled) {
  Harness proxy;
  proxy.Submit({"busy"});
  auto& request = proxy.Submit({"a"}, proxy.clock.Now() + milliseconds(10));
  proxy.clock.Advance(milliseconds(10));
  proxy.dispatcher.Cancel(request.ticket);
  EXPECT_EQ(request.only_reply().outcome, Outcome::kExpired);
}

TEST(Dispatcher, CancelsABatchThatNobodyWaitsFor) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  auto& one = proxy.Submit({"a"});
  auto& other = proxy.Submit({"b"});
  proxy.clock.Advance(milliseconds(50));
  proxy.dispatcher.Tick();
  auto batch = proxy.backend.Take();
  ASSERT_TRUE(batch);
  proxy.dispatcher.Cancel(one.ticket);
  EXPECT_FALSE(proxy.backend.WasCancelled(batch->id));
  proxy.dispatcher.Cancel(other.ticket);
  EXPECT_TRUE(proxy.backend.WasCancelled(batch->id));
  std::move(batch->reply).Fulfil(absl::CancelledError());
  EXPECT_TRUE(proxy.dispatcher.WaitUntilIdle(Duration::zero()));
}

TEST(Dispatcher, ResultsOfACancelledRequestGoToNobodyElse) {
  Harness proxy;
  auto& gone = proxy.Submit({"a"});
  auto batch = proxy.backend.Take();
  proxy.dispatcher.Cancel(gone.ticket);
  auto& next = proxy.Submit({"b"});
  testing::ScriptedBackend::Answer(std::move(*batch));
  EXPECT_THAT(next.replies, IsEmpty());
  proxy.backend.AnswerNext();
  EXPECT_THAT(next.labels(), ElementsAre("b"));
}

TEST(Dispatcher, RefusesWhatIsBeyondTheLimit) {
  scheduling::SchedulerOptions options;
  options.max_queued_requests = 2;
  Harness proxy(options);
  proxy.Submit({"a"});
  proxy.Submit({"b"});
  auto& third = proxy.Submit({"c"});
  EXPECT_EQ(third.only_reply().outcome, Outcome::kRejected);
  EXPECT_EQ(third.only_reply().rejection.reason, RejectReason::kQueueFull);
  proxy.backend.AnswerNext();
  EXPECT_THAT(proxy.Submit({"d"}).replies, IsEmpty());
}

TEST(Dispatcher, CountsTheBytesOfTheTexts) {
  scheduling::SchedulerOptions options;
  options.max_queued_bytes = 10;
  Harness proxy(options);
  EXPECT_THAT(proxy.Submit({"12345", "67890"}).replies, IsEmpty());
  EXPECT_EQ(proxy.Submit({"1"}).only_reply().rejection.reason, RejectReason::kBytesFull);
}

TEST(Dispatcher, OneFailingTextHurtsOnlyItself) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  auto& good = proxy.Submit({"good"});
  auto& bad = proxy.Submit({"bad"});
  proxy.clock.Advance(milliseconds(50));
  proxy.dispatcher.Tick();
  proxy.backend.FailNext(absl::InternalError("poison"));
  for (auto batch = proxy.backend.Take(); batch; batch = proxy.backend.Take()) {
    ASSERT_EQ(batch->texts.size(), 1U);
    if (batch->texts[0] == "bad") {
      std::move(batch->reply).Fulfil(absl::InternalError("poison"));
    } else {
      testing::ScriptedBackend::Answer(std::move(*batch));
    }
  }
  EXPECT_THAT(good.labels(), ElementsAre("good"));
  EXPECT_EQ(bad.only_reply().outcome, Outcome::kBackendFailed);
  EXPECT_EQ(bad.only_reply().backend_status, absl::InternalError("poison"));
}

TEST(Dispatcher, AWrongNumberOfResultsIsAnInternalError) {
  Harness proxy;
  auto& request = proxy.Submit({"a"});
  std::move(proxy.backend.Take()->reply).Fulfil(BatchResults(2));
  EXPECT_EQ(request.only_reply().outcome, Outcome::kBackendFailed);
  EXPECT_TRUE(absl::IsInternal(request.only_reply().backend_status));
  EXPECT_THAT(std::string(request.only_reply().backend_status.message()), ::testing::HasSubstr("2 results for 1"));
}

TEST(Dispatcher, ADroppedBatchFailsItsRequests) {
  Harness proxy;
  auto& request = proxy.Submit({"a"});
  proxy.backend.Take();
  EXPECT_EQ(request.only_reply().outcome, Outcome::kBackendFailed);
}

TEST(Dispatcher, TriesAgainIfTheBackendCannotBeReached) {
  Harness proxy;
  auto& request = proxy.Submit({"a"});
  proxy.backend.FailNext(absl::UnavailableError("gone"));
  EXPECT_THAT(request.replies, IsEmpty());
  proxy.clock.Advance(proxy.dispatcher.NextTick() - proxy.clock.Now());
  proxy.dispatcher.Tick();
  proxy.backend.AnswerNext();
  EXPECT_EQ(request.only_reply().outcome, Outcome::kAnswered);
}

TEST(Dispatcher, WhatWaitsToBeTriedAgainAloneIsFailedWhenNoBackendCanBeReached) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  std::vector<Harness::Submitted*> requests;
  for (const char* const text : {"a", "b", "c", "d", "e"}) requests.push_back(&proxy.Submit({text}));
  const Time start = proxy.clock.Now();
  proxy.backend.FailNext(absl::InternalError("poison"));  // each is tried again, alone
  // From now on the backend is gone: the first four requests find that out after 0, 0.1, 0.3 and 0.7 s, and the next
  // attempt would be at 1.5 s. A second after the first failure no request waits any longer, the fifth included.
  while (proxy.clock.Now() < start + std::chrono::seconds(1)) {
    while (!proxy.backend.Waiting().empty()) proxy.backend.FailNext(absl::UnavailableError("gone"));
    ASSERT_NE(proxy.dispatcher.NextTick(), kNever) << "somebody waits and nobody will look";
    proxy.clock.Advance(proxy.dispatcher.NextTick() - proxy.clock.Now());
    proxy.dispatcher.Tick();
  }
  EXPECT_EQ(proxy.clock.Now(), start + std::chrono::seconds(1));
  for (const Harness::Submitted* const request : requests) {
    EXPECT_EQ(request->only_reply().outcome, Outcome::kBackendFailed);
  }
}

TEST(Dispatcher, ABackendThatHangsUntilItsCallersLeaveIsPaused) {
  Harness proxy;
  for (int i = 0; i < 2; ++i) {
    auto& request = proxy.Submit({"a"}, proxy.clock.Now() + std::chrono::seconds(1));
    auto hung = proxy.backend.Take();
    ASSERT_TRUE(hung) << "batch " << i;
    proxy.clock.Advance(std::chrono::seconds(1));
    proxy.dispatcher.Tick();
    EXPECT_EQ(request.only_reply().outcome, Outcome::kExpired);
    EXPECT_TRUE(proxy.backend.WasCancelled(hung->id));
    std::move(hung->reply).Fulfil(absl::CancelledError("by the proxy"));
    EXPECT_FALSE(proxy.dispatcher.Look(0).backends[0].up);
    proxy.clock.Advance(milliseconds(200));  // the pause is over
  }
}

TEST(Dispatcher, ABatchThatIsGivenUpInTimeTellsNothingOfTheBackend) {
  Harness proxy;
  auto& request = proxy.Submit({"a"});
  auto batch = proxy.backend.Take();
  ASSERT_TRUE(batch);
  proxy.clock.Advance(milliseconds(100));
  proxy.dispatcher.Cancel(request.ticket);
  std::move(batch->reply).Fulfil(absl::CancelledError("by the proxy"));
  EXPECT_TRUE(proxy.dispatcher.Look(0).backends[0].up);
}

TEST(Dispatcher, ABatchCarriesTheContextsOfItsRequests) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  Harness::Submitted first;
  Harness::Submitted second;
  proxy.SubmitAs(first, {"x", "y"}, kNever, "a", {"id-1", "trace-1"});
  proxy.SubmitAs(second, {"z"});
  proxy.clock.Advance(milliseconds(50));
  proxy.dispatcher.Tick();
  auto batch = proxy.backend.Take();
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->contexts.size(), 1U);  // once for the two sequences; the other request has none
  EXPECT_EQ(batch->contexts[0].request_id, "id-1");
  EXPECT_EQ(batch->contexts[0].trace_parent, "trace-1");
  testing::ScriptedBackend::Answer(std::move(*batch));
}

TEST(Dispatcher, ASwitchOfStrategyStrandsNobody) {
  Harness proxy;
  proxy.Submit({"busy"});
  std::vector<Harness::Submitted*> requests;
  for (int i = 0; i < 20; ++i) requests.push_back(&proxy.Submit({std::string(static_cast<std::size_t>(i + 1), 'x')}));
  for (const char* const strategy : {"sjf", "fair", "fcfs", "sjf"}) {
    ASSERT_TRUE(proxy.dispatcher.SetStrategy({strategy, {}}).ok());
    proxy.backend.AnswerNext();
  }
  while (!proxy.backend.Waiting().empty()) proxy.backend.AnswerNext();
  for (const Harness::Submitted* const request : requests) {
    EXPECT_EQ(request->only_reply().outcome, Outcome::kAnswered);
  }
}

TEST(Dispatcher, ASwitchAsksTheNewStrategyAtOnce) {
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}});
  proxy.Submit({"a"});
  EXPECT_THAT(proxy.backend.Waiting(), IsEmpty());
  ASSERT_TRUE(proxy.dispatcher.SetStrategy({"sjf", {}}).ok());
  EXPECT_THAT(proxy.backend.Waiting(), ElementsAre(ElementsAre("a")));
}

TEST(Dispatcher, TellsOfEveryDecision) {
  struct Observer final : DecisionObserver {
    void Decided(std::string_view strategy, Duration) override { strategies.emplace_back(strategy); }
    std::vector<std::string> strategies;
  } observer;
  Harness proxy({}, {"fcfs", {{"linger_ms", "50"}}}, &observer);
  proxy.Submit({"a"});                                          // to wait
  ASSERT_TRUE(proxy.dispatcher.SetStrategy({"sjf", {}}).ok());  // to send
  proxy.Submit({"b"});                                          // nothing to decide: the slot is taken
  EXPECT_THAT(observer.strategies, ElementsAre("fcfs", "sjf"));
}

// --- The end ---

TEST(Dispatcher, ADrainServesWhatIsThereAndRefusesWhatComes) {
  Harness proxy;
  auto& running = proxy.Submit({"a"});
  auto& waiting = proxy.Submit({"b"});
  proxy.dispatcher.StopAccepting();
  EXPECT_EQ(proxy.Submit({"c"}).only_reply().rejection.reason, RejectReason::kShuttingDown);
  EXPECT_FALSE(proxy.dispatcher.WaitUntilIdle(Duration::zero()));
  proxy.backend.AnswerNext();
  EXPECT_FALSE(proxy.dispatcher.WaitUntilIdle(Duration::zero()));
  proxy.backend.AnswerNext();
  EXPECT_TRUE(proxy.dispatcher.WaitUntilIdle(Duration::zero()));
  EXPECT_EQ(running.only_reply().outcome, Outcome::kAnswered);
  EXPECT_EQ(waiting.only_reply().outcome, Outcome::kAnswered);
}

TEST(Dispatcher, ACloseEndsEverythingNow) {
  Harness proxy;
  auto& running = proxy.Submit({"a"});
  auto& waiting = proxy.Submit({"b"});
  auto batch = proxy.backend.Take();
  proxy.dispatcher.Close();
  EXPECT_EQ(running.only_reply().outcome, Outcome::kShutDown);
  EXPECT_EQ(waiting.only_reply().outcome, Outcome::kShutDown);
  EXPECT_TRUE(proxy.backend.WasCancelled(batch->id));
  EXPECT_FALSE(proxy.dispatcher.WaitUntilIdle(milliseconds(1)));
  std::move(batch->reply).Fulfil(absl::CancelledError());
  EXPECT_TRUE(proxy.dispatcher.WaitUntilIdle(Duration::zero()));
  EXPECT_EQ(proxy.Submit({"c"}).only_reply().rejection.reason, RejectReason::kShuttingDown);
}

// --- The picture ---

TEST(Dispatcher, LooksAtQueuesAndBackends) {
  Harness proxy;
  proxy.Submit({"a"}, kNever, "alice");
  proxy.Submit({"b", "c"}, kNever, "bob");
  proxy.clock.Advance(milliseconds(3));
  const State state = proxy.dispatcher.Look(10);
  EXPECT_EQ(state.strategy.name, "fcfs");
  EXPECT_EQ(state.queued_requests, 1U);
  EXPECT_EQ(state.queued_sequences, 2U);
  EXPECT_EQ(state.batches_in_flight, 1U);
  EXPECT_EQ(state.outcomes.offered, 2U);
  ASSERT_EQ(state.customers.size(), 2U);
  EXPECT_EQ(state.customers[0].name, "bob");  // those that wait come first
  EXPECT_EQ(state.customers[0].oldest_age, milliseconds(3));
  ASSERT_EQ(state.backends.size(), 1U);
  EXPECT_TRUE(state.backends[0].up);
  EXPECT_EQ(proxy.dispatcher.Look(1).customers.size(), 1U);
  const State named = proxy.dispatcher.Look(std::vector<std::string>{"nobody", "bob"});
  ASSERT_EQ(named.customers.size(), 2U);
  EXPECT_EQ(named.customers[0].queued_requests, 0U);
  EXPECT_EQ(named.customers[1].queued_sequences, 2U);
}

}  // namespace
}  // namespace smartbatch::runtime
