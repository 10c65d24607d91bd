// Records what the scheduler was told and what it chose, so that a replay can check it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <absl/status/statusor.h>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/scheduling/observer.h"
#include "services/proxy/simulation/log_lines.h"

namespace smartbatch::decision_log {

// An observer that copies each event into a queue, and a thread that writes the queue to a file as the lines that
// services/proxy/simulation/log_lines.h describes. The observer's methods are called under the dispatcher's lock and
// take a fraction of a microsecond: nothing is formatted or written there. If the queue is full or the file cannot be
// written, lines are lost but no time. Lost lines are counted, and the file says where lines are missing.
//
// The observer's methods must be called by one thread at a time; `dropped` is thread safe.
class DecisionLog final : public scheduling::SchedulerObserver, public runtime::DecisionObserver {
 public:
  // The most events that wait to be written: some seconds of a busy proxy.
  static constexpr std::size_t kMostWaiting = 100'000;

  // Creates the file, or empties it, and writes the first line. Times in the log count from `origin`. INVALID_ARGUMENT
  // if the file cannot be written.
  static absl::StatusOr<std::unique_ptr<DecisionLog>> Open(const std::string& path,
                                                           const simulation::log_lines::Start& start, Time origin,
                                                           std::size_t most_waiting = kMostWaiting);
  ~DecisionLog() override;
  DecisionLog(const DecisionLog&) = delete;
  DecisionLog& operator=(const DecisionLog&) = delete;

  // Writes the events that wait; later events are not written. The destructor does this too.
  void Close();

  // How many lines are missing in the file so far.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;
  void BackendRemoved(scheduling::BackendId id) override;
  void BackendSlotsChanged(scheduling::BackendId id, std::uint32_t slots) override;
  void BackendHeldBack(scheduling::BackendId id, bool held_back) override;
  void BackendHealthChanged(scheduling::BackendId id, bool healthy, Time now) override;
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void Ended(const scheduling::Finished& finished) override;
  void Dispatched(const scheduling::Batch& batch) override;
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void StrategyChanged(std::string_view from, std::string_view to, scheduling::SwitchedBy by) override;
  void Asking(Time now) override;
  void StrategySet(const scheduling::StrategyChoice& strategy) override;
  void Reconfigured(const runtime::Reconfiguration& next) override;

 private:
  using Event = simulation::log_lines::Event;

  DecisionLog(std::ofstream file, std::string path, Time origin, std::size_t most_waiting);

  Time FromOrigin(Time time) const { return time == kNever ? kNever : Time(time - origin_); }
  void Push(Event event) SMARTBATCH_EXCLUDES(mutex_);
  void Run(const std::stop_token& stop);
  void WriteWaiting();

  std::ofstream file_;  // used by the writing thread
  const std::string path_;
  const Time origin_;
  const std::size_t most_waiting_;
  // The time of the last event. The scheduler is asked at each event, so only other times need a line of their own.
  std::optional<Time> last_event_;

  std::atomic<std::uint64_t> dropped_ = 0;  // read by scrapes
  bool failed_ = false;                     // used by the writing thread; if true, lines are counted and not written
  Mutex mutex_;
  std::vector<Event> waiting_ SMARTBATCH_GUARDED_BY(mutex_);
  std::uint64_t dropped_since_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::vector<Event> writing_;  // used by the writing thread
  std::jthread writer_;         // last: it uses the other members
};

}  // namespace smartbatch::decision_log
