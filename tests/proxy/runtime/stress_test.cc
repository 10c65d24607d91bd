// Many threads at once, on the machine's clock: for ThreadSanitizer.
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"
#include "services/proxy/runtime/dispatcher.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::runtime {
namespace {

using scheduling::Outcome;
using std::chrono::microseconds;

constexpr int kSubmitters = 4;
constexpr int kRequestsEach = 1500;

// The answers that the callers of one thread got.
struct Callers {
  struct Caller {
    Ticket ticket;
    std::atomic<int> replies = 0;
  };
  std::deque<Caller> callers;
  std::array<std::atomic<std::uint64_t>, scheduling::kOutcomes> outcomes{};
};

void SubmitMany(Dispatcher& dispatcher, const Clock& clock, std::uint64_t seed, Callers& told) {
  Random random = Random::Stream(20240917, seed);
  for (int i = 0; i < kRequestsEach; ++i) {
    Submission request{.customer = "customer" + std::to_string(random.Between(0, 6)), .payload = {}};
    std::vector<std::string> texts;
    for (std::int64_t n = random.Between(1, 5); n > 0; --n) {
      texts.emplace_back(static_cast<std::size_t>(random.Between(1, 60)), 'x');
    }
    request.payload = testing::PayloadOf(std::move(texts));
    if (random.Chance(0.3)) request.deadline = clock.Now() + microseconds(random.Between(-50, 3000));
    Callers::Caller& caller = told.callers.emplace_back();
    dispatcher.Submit(std::move(request), caller.ticket, Reply([&](absl::StatusOr<Ending> ending) {
                        ++caller.replies;
                        ++told.outcomes.at(static_cast<std::size_t>(ending.value().outcome));
                      }));
    if (random.Chance(0.2)) dispatcher.Cancel(told.callers[static_cast<std::size_t>(random.Between(0, i))].ticket);
    if (random.Chance(0.05)) std::this_thread::sleep_for(microseconds(random.Between(1, 300)));
  }
}

void AnswerBatches(testing::ScriptedBackend& backend, const std::stop_token& stop, std::uint64_t seed) {
  Random random = Random::Stream(42, seed);
  while (true) {
    auto batch = backend.Take();
    if (!batch) {
      if (stop.stop_requested()) return;
      std::this_thread::yield();
    } else if (random.Chance(0.02)) {
      std::move(batch->reply).Fulfil(absl::InternalError("now and then"));
    } else if (random.Chance(0.005)) {
      batch.reset();  // dropped
    } else {
      testing::ScriptedBackend::Answer(std::move(*batch));
    }
  }
}

void SwitchStrategies(Dispatcher& dispatcher, const std::stop_token& stop) {
  const std::array<const char*, 3> names = {"fcfs", "sjf", "fair"};
  for (std::size_t i = 0; !stop.stop_requested(); ++i) {
    EXPECT_TRUE(dispatcher.SetStrategy({names.at(i % names.size()), {}}).ok());
    (void)dispatcher.Look(5);
    std::this_thread::sleep_for(microseconds(200));
  }
}

TEST(DispatcherStress, EveryRequestIsAnsweredOnceWhateverHappens) {
  const SteadyClock clock;
  testing::ScriptedBackend backend;
  scheduling::SchedulerOptions options;
  options.max_queued_requests = 500;
  Dispatcher dispatcher(*scheduling::Scheduler::Create(options, {"fcfs", {{"linger_ms", "1"}}}, nullptr), clock,
                        nullptr);
  dispatcher.AddBackend("one", 2, {}, backend);
  dispatcher.AddBackend("other", 1, {}, backend);

  std::array<Callers, kSubmitters> told;
  std::jthread timer([&](const std::stop_token& stop) { dispatcher.RunTimer(stop); });
  std::jthread admin([&](const std::stop_token& stop) { SwitchStrategies(dispatcher, stop); });
  {
    std::jthread first([&](const std::stop_token& stop) { AnswerBatches(backend, stop, 1); });
    std::jthread second([&](const std::stop_token& stop) { AnswerBatches(backend, stop, 2); });
    {
      std::vector<std::jthread> submitters;
      for (std::size_t i = 0; i < kSubmitters; ++i) {
        submitters.emplace_back([&, i] { SubmitMany(dispatcher, clock, i, told.at(i)); });
      }
    }
    dispatcher.StopAccepting();
    EXPECT_TRUE(dispatcher.WaitUntilIdle(std::chrono::seconds(30)));
    dispatcher.Close();
  }
  timer.request_stop();
  timer.join();

  const scheduling::OutcomeCounts counts = dispatcher.Look(0).outcomes;
  EXPECT_EQ(counts.offered, std::uint64_t{kSubmitters} * kRequestsEach);
  for (std::size_t outcome = 0; outcome < scheduling::kOutcomes; ++outcome) {
    std::uint64_t told_in_all = 0;
    for (const Callers& callers : told) told_in_all += callers.outcomes.at(outcome);
    EXPECT_EQ(told_in_all, counts.by_outcome.at(outcome)) << Name(static_cast<Outcome>(outcome));
  }
  for (const Callers& callers : told) {
    for (const Callers::Caller& caller : callers.callers) EXPECT_EQ(caller.replies, 1);
  }
  // The test would prove little if most requests ended in the same way.
  EXPECT_GT(counts[Outcome::kAnswered], counts.offered / 10);
  EXPECT_GT(counts[Outcome::kCancelled], 0U);
}

}  // namespace
}  // namespace smartbatch::runtime
