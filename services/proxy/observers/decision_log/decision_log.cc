#include "services/proxy/observers/decision_log/decision_log.h"

#include <chrono>
#include <utility>

#include <absl/strings/str_cat.h>
#include <spdlog/spdlog.h>

#include "common/sleep.h"
#include "services/proxy/scheduling/model/batch_end.h"

namespace smartbatch::decision_log {
namespace {

namespace log = simulation::log_lines;

constexpr std::chrono::milliseconds kWriteInterval{50};

}  // namespace

absl::StatusOr<std::unique_ptr<DecisionLog>> DecisionLog::Open(const std::string& path, const log::Start& start,
                                                               Time origin, std::size_t most_waiting) {
  std::ofstream file(path, std::ios::trunc);
  if (file) file << log::Line(start) << std::flush;
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat("decision-log is ", path, ", which cannot be written; name a file in a folder that exists"));
  }
  return std::unique_ptr<DecisionLog>(new DecisionLog(std::move(file), path, origin, most_waiting));
}

DecisionLog::DecisionLog(std::ofstream file, std::string path, Time origin, std::size_t most_waiting)
    : file_(std::move(file)),
      path_(std::move(path)),
      origin_(origin),
      most_waiting_(most_waiting),
      writer_([this](const std::stop_token& stop) { Run(stop); }) {}

DecisionLog::~DecisionLog() = default;

void DecisionLog::Close() {
  writer_.request_stop();
  if (writer_.joinable()) writer_.join();
  if (dropped() > 0) spdlog::warn("{} lines are missing in the decision log {}", dropped(), path_);
}

// --- Under the dispatcher's lock ---

void DecisionLog::Push(Event event) {
  const MutexLock lock(mutex_);
  // One place is kept free for the line that says how many lines are missing.
  if (waiting_.size() + 1 >= most_waiting_) {
    ++dropped_since_;
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (dropped_since_ > 0) waiting_.emplace_back(log::Dropped{std::exchange(dropped_since_, 0)});
  waiting_.push_back(std::move(event));
}

void DecisionLog::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  last_event_.reset();
  Push(log::BackendAdded{id, backend.name, backend.slots, backend.cost});
}

void DecisionLog::BackendRemoved(scheduling::BackendId id) {
  last_event_.reset();
  Push(log::BackendRemoved{id});
}

void DecisionLog::BackendSlotsChanged(scheduling::BackendId id, std::uint32_t slots) {
  last_event_.reset();
  Push(log::BackendSlots{id, slots});
}

void DecisionLog::BackendHeldBack(scheduling::BackendId id, bool held_back) {
  Push(log::BackendHeldBack{id, held_back});
}

void DecisionLog::BackendHealthChanged(scheduling::BackendId id, bool healthy, Time now) {
  last_event_ = now;
  Push(log::BackendHealth{FromOrigin(now), id, healthy});
}

void DecisionLog::Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) {
  last_event_ = request.arrival;
  log::RequestAccepted accepted{
      FromOrigin(request.arrival), request.id.number - 1, customer.name, {}, FromOrigin(request.deadline)};
  accepted.kind = request.kind;
  for (const scheduling::PendingSequence& sequence : request.sequences) accepted.lengths.push_back(sequence.length);
  Push(std::move(accepted));
}

void DecisionLog::Ended(const scheduling::Finished& finished) {
  if (finished.outcome == scheduling::Outcome::kAnswered) return;
  last_event_ = finished.finish;
  Push(log::RequestEnded{FromOrigin(finished.finish), finished.id.number - 1, finished.outcome});
}

void DecisionLog::Dispatched(const scheduling::Batch& batch) { Push(log::Sent(batch, origin_)); }

void DecisionLog::BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  last_event_ = batch.dispatched + took;
  Push(log::BatchEnded{FromOrigin(*last_event_), batch.id, status.code(), scheduling::HasFallen(status)});
}

void DecisionLog::StrategyChanged(std::string_view, std::string_view to, scheduling::SwitchedBy by) {
  if (by != scheduling::SwitchedBy::kAdvice) return;
  last_event_.reset();
  Push(log::Follows{std::string(to)});
}

void DecisionLog::StrategySet(const scheduling::StrategyChoice& strategy) {
  last_event_.reset();
  Push(log::StrategySet{strategy});
}

void DecisionLog::Reconfigured(const runtime::Reconfiguration& next) {
  last_event_.reset();
  Push(log::Reconfigured{next.options, next.customers});
}

void DecisionLog::Asking(Time now) {
  if (last_event_ == now) return;
  last_event_ = now;
  Push(log::Asked{FromOrigin(now)});
}

// --- On a thread of its own ---

void DecisionLog::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    SleepFor(kWriteInterval, stop);
    WriteWaiting();
  }
  WriteWaiting();
}

void DecisionLog::WriteWaiting() {
  writing_.clear();
  {
    const MutexLock lock(mutex_);
    writing_.swap(waiting_);
  }
  if (writing_.empty()) return;
  if (!failed_) {
    for (const Event& event : writing_) file_ << log::Line(event);
    file_.flush();
    if (file_) return;
    failed_ = true;
    spdlog::error("the decision log {} can no longer be written; no further decisions are logged", path_);
  }
  dropped_.fetch_add(writing_.size(), std::memory_order_relaxed);
}

}  // namespace smartbatch::decision_log
