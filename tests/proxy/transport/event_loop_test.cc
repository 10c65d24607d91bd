#include "services/proxy/transport/event_loop.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "common/time.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/runtime/model_table.h"
#include "services/proxy/runtime/recent_decisions.h"
#include "services/proxy/runtime/request_statistics.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/rpc/tag.h"

namespace smartbatch::transport {
namespace {

class Counter final : public rpc::Tag {
 public:
  void Run(bool /*ok*/) override { ++count_; }
  int count() const { return count_; }

 private:
  std::atomic<int> count_ = 0;
};

// How often a thread that runs RunEvents goes to sleep for each event, if the next event comes `gap` after the last.
double SleepsForEachEvent(Duration busy_poll, Duration gap) {
  constexpr int kEvents = 30;
  const runtime::SteadyClock clock;
  runtime::RecentDecisions decisions;
  const runtime::RequestStatistics statistics;
  runtime::Dispatcher dispatcher(*scheduling::Scheduler::Create({}, {"fcfs", {}}, &decisions), clock, nullptr);
  const runtime::ModelTable models{{{"default", dispatcher, decisions, statistics}}};
  grpc::CompletionQueue queue;
  std::atomic<long> sleeps = 0;
  std::jthread thread([&] {
    RunEvents(queue, models, busy_poll);
    rusage used{};
    getrusage(RUSAGE_THREAD, &used);
    sleeps = used.ru_nvcsw;  // voluntary context switches
  });
  Counter counter;
  for (int i = 0; i < kEvents; ++i) {
    grpc::Alarm alarm;
    alarm.Set(&queue, gpr_inf_past(GPR_CLOCK_MONOTONIC), &counter);
    while (counter.count() <= i) std::this_thread::yield();
    std::this_thread::sleep_for(gap);
  }
  queue.Shutdown();
  thread.join();
  return static_cast<double>(sleeps) / kEvents;
}

TEST(EventLoop, SleepsBetweenEventsIfItDoesNotPoll) {
  EXPECT_GE(SleepsForEachEvent({}, std::chrono::milliseconds(2)), 0.5);
}

// On a busy machine the thread also sleeps because another one was interrupted with a lock of gRPC; not in every run.
TEST(EventLoop, IsAwakeForEventsThatComeWhileItPolls) {
  double fewest = 1;
  for (int run = 0; run < 20 && fewest > 0.4; ++run) {
    fewest = std::min(fewest, SleepsForEachEvent(std::chrono::seconds(60), std::chrono::milliseconds(2)));
  }
  EXPECT_LE(fewest, 0.4);
}

TEST(EventLoop, SleepsOnceItHasPolledForItsTime) {
  EXPECT_GE(SleepsForEachEvent(std::chrono::microseconds(100), std::chrono::milliseconds(5)), 0.5);
}

}  // namespace
}  // namespace smartbatch::transport
