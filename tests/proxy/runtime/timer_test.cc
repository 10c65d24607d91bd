// Who watches the time: the timer's thread, or the threads that bring events.
#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/runtime/dispatcher.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::runtime {
namespace {

using std::chrono::milliseconds;

TEST(Timer, ANearerTimeWakesTheSleepingTimer) {
  // On the machine's clock: the timer's thread sends a lingering batch although nothing else happens.
  const SteadyClock clock;
  testing::ScriptedBackend backend;
  Dispatcher dispatcher(*scheduling::Scheduler::Create({}, {"fcfs", {{"linger_ms", "20"}}}, nullptr), clock, nullptr);
  dispatcher.AddBackend("backend", 1, {}, backend);
  std::jthread timer([&](const std::stop_token& stop) { dispatcher.RunTimer(stop); });
  std::this_thread::sleep_for(milliseconds(20));  // the timer sleeps without a time limit
  Ticket ticket;
  bool answered = false;
  const Time start = clock.Now();
  dispatcher.Submit({.customer = "a", .payload = testing::PayloadOf({"x"})}, ticket,
                    Reply([&](absl::StatusOr<Ending> ending) { answered = ending.ok(); }));
  while (backend.Waiting().empty() && clock.Now() < start + std::chrono::seconds(10)) std::this_thread::yield();
  const Duration lingered = clock.Now() - start;
  backend.AnswerNext();
  EXPECT_TRUE(answered);
  EXPECT_GE(lingered, milliseconds(20));
  EXPECT_LT(lingered, std::chrono::seconds(5));
}

// A dispatcher on the machine's clock with one request that lingers for 20 ms, and the timer's thread.
class Lingering : public ::testing::Test {
 protected:
  Lingering() { dispatcher_.AddBackend("backend", 1, {}, backend_); }
  ~Lingering() override {
    dispatcher_.Close();
    while (auto sent = backend_.Take()) std::move(sent->reply).Fulfil(absl::CancelledError("the test is over"));
  }

  void Submit() {
    dispatcher_.Submit({.customer = "a", .payload = testing::PayloadOf({"x"})}, ticket_,
                       Reply([](const absl::StatusOr<Ending>&) {}));
  }
  bool IsSentWithin(milliseconds time) {
    const Time end = clock_.Now() + time;
    while (backend_.Waiting().empty() && clock_.Now() < end) std::this_thread::sleep_for(milliseconds(1));
    return !backend_.Waiting().empty();
  }

  const SteadyClock clock_;
  testing::ScriptedBackend backend_;
  Dispatcher dispatcher_{*scheduling::Scheduler::Create({}, {"fcfs", {{"linger_ms", "20"}}}, nullptr), clock_, nullptr};
  Ticket ticket_;
  std::jthread timer_{[this](const std::stop_token& stop) { dispatcher_.RunTimer(stop); }};
};

TEST_F(Lingering, TheTimerIsLeftAsleepWhileAThreadAttendsWhichFindsWhatIsDue) {
  dispatcher_.Attend();
  Submit();
  EXPECT_FALSE(IsSentWithin(milliseconds(200)));
  EXPECT_LE(dispatcher_.TickIfDue(), Duration::zero());
  EXPECT_TRUE(IsSentWithin(milliseconds(0)));
  EXPECT_EQ(dispatcher_.TickIfDue(), Duration::max());
  dispatcher_.Rest();
}

TEST_F(Lingering, TheTimerTakesOverWhenTheLastThreadThatAttendsRests) {
  dispatcher_.Attend();
  dispatcher_.Attend();
  Submit();
  dispatcher_.Rest();
  EXPECT_FALSE(IsSentWithin(milliseconds(200)));
  dispatcher_.Rest();
  EXPECT_TRUE(IsSentWithin(std::chrono::seconds(10)));
}

// Threads that bring requests and rest in between, like those of the completion queue: the last one to rest leaves what
// is due to the timer.
TEST(Timer, MissesNothingWhileThreadsAttendAndRest) {
  constexpr int kThreads = 3;
  constexpr int kRequests = 150;
  const SteadyClock clock;
  testing::ScriptedBackend backend;
  Dispatcher dispatcher(*scheduling::Scheduler::Create({}, {"fcfs", {{"linger_ms", "0.2"}}}, nullptr), clock, nullptr);
  dispatcher.AddBackend("backend", 1, {}, backend);
  std::jthread timer([&](const std::stop_token& stop) { dispatcher.RunTimer(stop); });
  std::jthread answerer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (auto sent = backend.Take()) testing::ScriptedBackend::Answer(std::move(*sent));
      std::this_thread::yield();
    }
  });
  std::atomic<int> answered = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRequests; ++i) {
        Ticket ticket;
        std::promise<void> ended;
        dispatcher.Attend();
        dispatcher.Submit({.customer = "a", .payload = testing::PayloadOf({"x"})}, ticket,
                          Reply([&](const absl::StatusOr<Ending>& ending) {
                            answered += ending.ok() ? 1 : 0;
                            ended.set_value();
                          }));
        dispatcher.TickIfDue();
        dispatcher.Rest();
        ASSERT_EQ(ended.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(answered, kThreads * kRequests);
}

}  // namespace
}  // namespace smartbatch::runtime
