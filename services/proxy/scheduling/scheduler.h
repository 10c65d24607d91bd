// The scheduler: a pure state machine. Events and the time go in; batches to send, requests to answer and the time
// to be asked again come out. The server, the simulator, the tests and the benchmarks run this same code.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/time.h"
#include "services/proxy/scheduling/admission/admission.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/batches/lone_retries.h"
#include "services/proxy/scheduling/batches/retry_budget.h"
#include "services/proxy/scheduling/batches/running_batches.h"
#include "services/proxy/scheduling/customers/batch_bill.h"
#include "services/proxy/scheduling/customers/customer_accounts.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/model/batch_end.h"
#include "services/proxy/scheduling/model/cost_model.h"
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/observer.h"
#include "services/proxy/scheduling/options/scheduler_options.h"
#include "services/proxy/scheduling/queue/pending_set.h"
#include "services/proxy/scheduling/strategies/strategy.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::scheduling {

// What the caller has to do after an event.
struct Effects {
  // Requests that ended: each is named once, here, and never again.
  std::vector<Finished> finished;
  // Batches that nobody waits for any more, or that a backend which is gone still has: they can be cancelled at the
  // backend. Complete must still be called. A batch may be named again.
  std::vector<BatchId> abandoned;
};

struct AskAgainAt {
  Time time{};
};
struct Nothing {};
// Send this batch; or ask again at that time (or after the next event); or ask after the next event.
using Step = std::variant<Batch, AskAgainAt, Nothing>;

struct StrategyChange {
  StrategyChoice previous;
  StrategyChoice current;
  std::uint64_t generation = 0;
  std::uint64_t queued_requests = 0;
};

struct OutcomeCounts {
  std::uint64_t offered = 0;
  std::array<std::uint64_t, kOutcomes> by_outcome{};
  std::uint64_t operator[](Outcome outcome) const { return by_outcome[static_cast<std::size_t>(outcome)]; }
};

// How it is used:
//
//   on a request:    Offer, then Next until it returns no batch
//   on a result:     Complete, answer what finished, then Next until it returns no batch
//   on a timer:      Tick, answer what finished, then Next until it returns no batch
//   the timer:       the earlier of NextTick and the time that Next asked for
//
// Times handed in must not go backwards. Not thread safe: one owner, one call at a time. The observer must outlive
// the scheduler.
class Scheduler {
 public:
  // INVALID_ARGUMENT where an option or the strategy is wrong.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(const SchedulerOptions& options, const StrategyChoice& start,
                                                           SchedulerObserver* observer);
  // The same with a choice that was checked, whose specification need not be one of AllStrategies and must outlive the
  // scheduler.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(const SchedulerOptions& options, CheckedChoice start,
                                                           SchedulerObserver* observer);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // --- Backends ---
  // `slots` batches at once, at least 1. `cost` is what its batches are believed to cost; what was learned of a removed
  // backend of that name counts more.
  BackendId AddBackend(std::string name, std::uint32_t slots, const CostModel& cost);
  // It gets no more batches; what it has is finished, and Complete must still be called for it. A scheduler without a
  // backend is one whose backend has just failed: what waits and what comes waits for up to unavailable_after.
  void RemoveBackend(BackendId id);
  // That many batches at once from now on, at least 1. If more are running, they go on.
  void SetSlots(BackendId id, std::uint32_t slots);
  // What a health check said of the backend: as long as it is not well it gets no batches. What it has is finished; but
  // while its checks get no answer those of its batches that are overdue are given up (Effects::abandoned), so call it
  // after every check. True if the backend's health is another one now.
  bool ReportHealth(BackendId id, HealthReport report, Time now, Effects& effects);

  // --- Events ---

  // Accepts or refuses a request. The lengths must be within the options' limits. Where the queue is full, room is
  // taken from the customer with the most waiting work over its weight, newest request first (kShed), as long as that
  // is not the one that asks, or has hardly more (Admission): so whoever floods the queue is refused, and not whoever
  // comes next. What ended must be taken from `effects` before the new request's slot is used.
  std::variant<RequestId, Rejection> Offer(const Arrival& arrival, Time now, Effects& effects);
  // The batch ended: with a result for each member (OK), or with an error. `id` must be running. What the error says is
  // Verdict's affair:
  // - busy: its members wait again as if they had not been sent, and the backend is asked again after a short random
  //   time; a backend that has said nothing else for a minute counts as one that failed
  // - the backend failed: its members wait for another attempt, within max_attempts and retry_budget
  // - the backend fell with the batch: each member is tried again alone, once, on another backend if one can be used,
  //   and no two of them on one backend at a time
  // - any other error tells on a member: each is tried again alone, on another backend if one can be used; one that was
  //   alone only there, within max_attempts
  // Whoever is tried alone stays alone until it is served.
  void Complete(BatchId id, const absl::Status& status, Time now, Effects& effects);
  // The caller of the request went away. Does nothing where the request has ended.
  void Cancel(RequestId id, Time now, Effects& effects);
  // Ends what has expired, and what waits while no backend can be reached.
  void Tick(Time now, Effects& effects);
  // When Tick has something to do if nothing else happens; kNever where that cannot be told yet.
  Time NextTick(Time now) const;
  // Refuses everything from now on; what was accepted is served.
  void StopAccepting() { admission_.Stop(); }
  // Ends every accepted request and abandons every batch.
  void Close(Time now, Effects& effects);

  // --- What now? ---
  Step Next(Time now);

  // --- Steering ---
  // INVALID_ARGUMENT for an unknown name or parameter or a value out of range (FieldOf names the field). ABORTED
  // where expected_generation is not 0 and not the current one. With validate_only nothing changes.
  absl::StatusOr<StrategyChange> SetStrategy(const StrategyChoice& choice, std::uint64_t expected_generation = 0,
                                             bool validate_only = false);
  // Advice for a strategy that takes it (AdvisedStrategy): which one it follows from now on. FAILED_PRECONDITION if the
  // active strategy takes none, or may not follow that one.
  absl::Status Follow(std::string_view name);
  void ConfigureCustomer(std::string_view name, const CustomerPolicy& policy);
  // Takes other limits, timeouts and pauses from now on; what was accepted stays. INVALID_ARGUMENT, and nothing
  // changes, where one is out of range or is fixed for the scheduler's life: max_batch_size, max_sequence_length,
  // max_idle_accounts, learn_costs.
  absl::Status Reconfigure(const SchedulerOptions& options);
  // Grants these customers their policies and takes those of all others back. Linear in the accounts.
  void ConfigureCustomers(const std::map<std::string, CustomerPolicy>& policies);

  // --- What is ---
  StrategyChoice strategy() const { return TextOf(choice_); }
  // Whether the active strategy follows another one, as it is advised.
  bool TakesAdvice() const { return choice_.specification->takes_advice; }
  // The strategy that chooses the batches: the active one, or the one that it follows. Lives as long as the program.
  std::string_view DecidingStrategy() const;
  std::uint64_t generation() const { return generation_; }
  const PendingSet& pending() const { return pending_; }
  const CustomerAccounts& customers() const { return customers_; }
  const BackendPool& backends() const { return backends_; }
  const OutcomeCounts& outcomes() const { return outcomes_; }
  const SchedulerOptions& options() const { return options_; }
  std::size_t running_batches() const { return running_.size(); }

 private:
  Scheduler(const SchedulerOptions& options, SchedulerObserver* observer);

  void StartStrategy(CheckedChoice choice);
  Step Choose(Time now);
  Duration TimeoutOf(const Batch& batch) const;
  Batch Dispatch(const Occasion& occasion, BackendId backend);
  void StartRequest(PendingRequest& request, bool chosen_by_strategy, Batch& batch);
  void Charge(Customer& customer, double seconds);
  void TellBackend(const Batch& batch, Verdict verdict, Duration took, Time now);
  // True if the batch was refused, maybe for its size, which its members will tell.
  bool LearnSizeLimit(const Batch& batch, const absl::Status& status, Time now);
  // Spends the budget if it allows a retry.
  bool MayRetry(const PendingSequence& sequence, const Batch& batch, Verdict verdict, Time now);
  void ReturnMembers(const Batch& batch, Verdict verdict, const absl::Status& status, bool maybe_too_large, Time now,
                     Effects& effects);
  void ReturnToStrategy(PendingSequence& sequence, Time now);
  void RetireSequence(PendingSequence& sequence, Time now, Effects& effects);
  void FailWaitingIfUnavailable(Time now, Effects& effects);
  void Finish(PendingRequest& request, Outcome outcome, absl::Status status, Time now, Effects& effects,
              bool hopeless = false);
  void Release(PendingRequest& request);

  SchedulerOptions options_;
  SchedulerObserver* const observer_;
  PendingSet pending_;
  CustomerAccounts customers_;
  BackendPool backends_;
  RunningBatches running_{pending_};
  Admission admission_{options_, pending_, customers_, backends_, running_};
  LoneRetries lone_retries_{pending_};
  RetryBudget retry_budget_;

  CheckedChoice choice_;
  std::unique_ptr<Strategy> strategy_;  // of that choice
  std::uint64_t generation_ = 0;

  Selection selection_;
  BatchBill bill_;

  OutcomeCounts outcomes_;
  std::uint64_t offers_ = 0;
  BatchId batches_ = 0;
};

}  // namespace smartbatch::scheduling
