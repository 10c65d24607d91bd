// Checks a scheduler against a model of its own: which requests wait, run or have ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "services/proxy/scheduling/observer.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::test {

// A limit on queued cost that no test reaches.
inline constexpr Duration kNoCostLimit = std::chrono::hours(24 * 365);

// The observer of a scheduler that keeps its own books from what it is told alone, and records everything that breaks a
// promise. It reads the scheduler's own state only in Settled, to compare. Slow and simple on purpose.
class SchedulerChecker final : public scheduling::SchedulerObserver {
 public:
  explicit SchedulerChecker(const scheduling::SchedulerOptions& options) : options_(options) {}

  // The answer that a refused caller got.
  void Refused(const scheduling::Rejection& rejection);

  // --- What the observer cannot see; said before it happens ---
  // A strategy was set that promises this; before the first event and after each switch.
  void Promised(const scheduling::StrategyPromises& promises) { promises_ = promises; }
  void Cancelling(scheduling::RequestId id) { cancelling_ = id; }
  void Closing() { closing_ = true; }
  // Other limits apply from now on.
  void Reconfigured(const scheduling::SchedulerOptions& options) { options_ = options; }
  // For a run in which cancels cannot be announced one by one.
  void AllowAnyCancel() { any_cancel_ = true; }

  // After each event, once Next has returned no batch: compares the books with the scheduler's, and its last answer
  // with what should leave.
  void Settled(const scheduling::Scheduler& scheduler, const scheduling::Step& answer, Time now);

  // The broken promises, in words; empty if there are none.
  const std::vector<std::string>& violations() const { return violations_; }
  std::string Summary() const;

  std::uint64_t accepted() const { return requests_.size() + ended_; }
  std::uint64_t ended() const { return ended_; }
  std::uint64_t unfinished() const { return requests_.size(); }
  // Members that filled seats which the strategy's choice left free.
  std::uint64_t riders() const { return riders_; }

  // --- SchedulerObserver ---
  void Rejected(std::string_view customer, std::string_view strategy, scheduling::RejectReason reason) override;
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;
  void BackendRemoved(scheduling::BackendId id) override { backends_.at(id).removed = true; }
  void BackendSlotsChanged(scheduling::BackendId id, std::uint32_t slots) override { backends_.at(id).slots = slots; }
  void BackendHeldBack(scheduling::BackendId id, bool held_back) override { backends_.at(id).held_back = held_back; }
  void BackendHealthChanged(scheduling::BackendId id, bool healthy, Time) override {
    backends_.at(id).healthy = healthy;
  }
  void Ended(const scheduling::Finished& finished) override;
  void Dispatched(const scheduling::Batch& batch) override;
  void Charged(const scheduling::Customer& customer, std::string_view strategy, double seconds) override;
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;

 private:
  enum class State { kWaiting, kAlone, kRunning, kDone };
  // What a failed batch told.
  enum class Told { kBusy, kBackendFailed, kFell, kBadMember };
  struct Sequence {
    std::uint32_t length = 0;
    State state = State::kWaiting;
    std::uint32_t attempts = 0;
    std::uint32_t falls = 0;  // of backends that had it
    bool was_sent = false;
  };
  struct Request {
    scheduling::RequestId id;
    std::string customer;
    Time arrival{};
    Time deadline = kNever;
    std::uint32_t kind = 0;
    Time due = kNever;
    std::vector<Sequence> sequences;
    scheduling::BatchSizes batch_sizes;
    std::optional<scheduling::DispatchReason> last_reason;
    bool must_fail = false;  // a sequence has had its last attempt
    bool Waits(State state) const;
    bool IsDone() const;
  };

  void Violation(std::string what);
  void CheckCharges(const scheduling::Batch& batch);
  Request* Find(scheduling::RequestId id);
  std::uint64_t WaitingSequences() const;
  void CheckMembers(const scheduling::Batch& batch, std::set<std::uint64_t>& touched);
  void CheckWholeRequests(const scheduling::Batch& batch, const std::set<std::uint64_t>& touched,
                          std::uint64_t waiting_before);
  void CheckRiders(const scheduling::Batch& batch);
  void CheckOrder(const scheduling::Batch& batch, const std::set<std::uint64_t>& touched);
  // What each customer has waiting, by the scheduler's own measure.
  void CheckWaitingWork(const scheduling::Scheduler& scheduler);
  void CheckWork(const scheduling::Scheduler& scheduler, const scheduling::Step& answer, Time now);
  void Succeeded(const scheduling::Batch& batch);
  Told WhatIsTold(const scheduling::Batch& batch, Duration took, const absl::Status& status);
  void Failed(const scheduling::Batch& batch, Duration took, const absl::Status& status);

  scheduling::SchedulerOptions options_;
  // None, until the strategy is told.
  scheduling::StrategyPromises promises_;
  struct KnownBackend {
    std::uint32_t slots = 0;
    std::uint32_t in_flight = 0;
    bool removed = false;
    bool healthy = true;
    bool held_back = false;
    std::optional<Time> busy_since = {};
    Time busy_until{};
  };
  std::vector<KnownBackend> backends_;
  std::optional<scheduling::RequestId> cancelling_;
  bool closing_ = false;
  bool any_cancel_ = false;

  std::map<std::uint64_t, Request> requests_;           // the unfinished ones, by number
  std::map<std::uint32_t, std::uint64_t> slot_owners_;  // the unfinished ones, by slot
  std::set<scheduling::BatchId> running_;
  std::uint64_t served_ = 0;  // sequences
  std::uint64_t riders_ = 0;
  std::uint64_t resent_ = 0;  // sequences that were sent again, but for those that were alone
  std::uint64_t last_number_ = 0;
  scheduling::BatchId last_batch_ = 0;
  // A cost learned from a short sequence's batch may then predict years for a long one, which exceeds every limit.
  bool batch_of_minutes_ = false;
  double charged_since_dispatch_ = 0;
  // The request that has just failed alone, and the cost of that: it is charged if the request ends with that.
  std::optional<scheduling::RequestId> suspect_;
  double suspect_seconds_ = 0;
  std::uint64_t rejected_ = 0;
  std::uint64_t ended_ = 0;
  std::map<scheduling::Outcome, std::uint64_t> outcomes_;
  std::vector<std::string> violations_;
  // Batches that have split a request without need since the last Settled, by backend: wrong if riders are free.
  std::vector<std::pair<scheduling::BackendId, std::string>> split_;
};

}  // namespace smartbatch::test
