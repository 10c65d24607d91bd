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

#include "common/cost_model.h"
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
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/observer.h"
#include "services/proxy/scheduling/options/scheduler_options.h"
#include "services/proxy/scheduling/queue/pending_set.h"
#include "services/proxy/scheduling/strategies/strategy.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::scheduling {

// What the caller must do after an event.
struct Effects {
  // Requests that ended. Each is named exactly once.
  std::vector<Finished> finished;
  // Batches that nobody waits for any more, or that are overdue at a backend that has gone: they can be cancelled at
  // the backend. Complete must still be called for them. A batch may be named again.
  std::vector<BatchId> abandoned;
};

struct AskAgainAt {
  Time time{};
};
struct Nothing {};
// Send this batch; or ask again at that time or after the next event; or ask again after the next event.
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

// The scheduler. The owner uses it like this:
//
//   on a request:    Offer, then Next until it returns no batch
//   on a result:     Complete, answer what finished, then Next until it returns no batch
//   on a timer:      Tick, answer what finished, then Next until it returns no batch
//   the timer:       the earlier of NextTick and the time that Next asked for
//
// Requires: times do not go backwards, and the observer outlives the scheduler.
// Thread safety: none; one owner makes one call at a time.
class Scheduler {
 public:
  // INVALID_ARGUMENT if an option or the strategy is wrong.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(const SchedulerOptions& options, const StrategyChoice& start,
                                                           SchedulerObserver* observer);
  // The same with a checked choice. Its specification may be one that AllStrategies does not have, and must outlive the
  // scheduler.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Create(const SchedulerOptions& options, CheckedChoice start,
                                                           SchedulerObserver* observer);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // --- Backends ---
  // Adds a backend that takes `slots` batches at once, at least 1. `cost` is the believed cost of its batches; what was
  // learned about a removed backend of that name takes precedence.
  BackendId AddBackend(std::string name, std::uint32_t slots, const CostModel& cost);
  // The backend gets no more batches; those that it has are finished, and Complete must still be called for them.
  // Without any backend the scheduler acts as if its backend had just failed: requests wait for up to
  // unavailable_after.
  void RemoveBackend(BackendId id);
  // Sets how many batches the backend takes at once, at least 1. If more are running, they go on.
  void SetSlots(BackendId id, std::uint32_t slots);
  // The backend gets no batches while it is held back: the device that it runs on has no slot for it. That is no
  // failure, and nothing else of it changes.
  void HoldBack(BackendId id, bool held_back);
  // Takes the result of a health check. An unhealthy backend gets no batches. The batches that it has are finished; but
  // while its checks get no answer, those that are overdue are given up (Effects::abandoned), so call it after every
  // check. Returns true if this changed the backend's health.
  bool ReportHealth(BackendId id, HealthReport report, Time now, Effects& effects);

  // --- Events ---

  // Accepts or refuses a request. The lengths must be within the options' limits. If the queue is full, room is
  // taken from the customer with the most waiting work over its weight, newest request first (kShed), unless that is
  // the one that asks, or has hardly more (Admission): so the customer that floods the queue is refused, not the one
  // that comes next. Take the ended requests from `effects` before using the new request's slot.
  std::variant<RequestId, Rejection> Offer(const Arrival& arrival, Time now, Effects& effects);
  // The batch ended: with a result for each member (OK), or with an error. Requires: `id` is running. VerdictOf says
  // what the error means:
  // - kBusy: the members wait again as if they had not been sent, and the backend gets another batch after a short
  //   random time. A backend that has only been busy for a minute counts as failed.
  // - kBackend blames the backend: the members wait for another attempt, within max_attempts and retry_budget.
  // - kFell: each member is retried once in a batch of its own, on another backend if one can be used, and no two of
  //   them at one backend at a time.
  // - kContent blames the content: each member is retried in a batch of its own, on another backend if one can be used.
  //   A member that was already alone is retried only if another backend can be used, up to max_attempts.
  // A member that is retried alone stays alone until it is served.
  void Complete(BatchId id, const absl::Status& status, Time now, Effects& effects);
  // The caller of the request went away. Does nothing if the request has ended.
  void Cancel(RequestId id, Time now, Effects& effects);
  // Ends expired requests, and waiting requests if no backend can be reached.
  void Tick(Time now, Effects& effects);
  // When Tick has something to do if nothing else happens; kNever if that is not known yet.
  Time NextTick(Time now) const;
  // Refuses every new request from now on; accepted ones are served.
  void StopAccepting() { admission_.Stop(); }
  // Ends every accepted request and abandons every batch.
  void Close(Time now, Effects& effects);

  // --- The next step ---
  Step Next(Time now);
  // Returns true if sequences wait to be sent: Next may have a batch if a backend has room.
  bool HasWork() const { return pending_.waiting_sequences() > 0 || !lone_retries_.empty(); }

  // --- Steering ---
  // INVALID_ARGUMENT for an unknown name or parameter or a value out of range (FieldOf names the field). ABORTED
  // if expected_generation is not 0 and not the current one. With validate_only nothing changes.
  absl::StatusOr<StrategyChange> SetStrategy(const StrategyChoice& choice, std::uint64_t expected_generation = 0,
                                             bool validate_only = false);
  // Advice for a strategy that takes it (AdvisedStrategy): which one it follows from now on. FAILED_PRECONDITION if the
  // active strategy takes none, or may not follow that one.
  absl::Status Follow(std::string_view name);
  void ConfigureCustomer(std::string_view name, const CustomerPolicy& policy);
  // Applies other limits, timeouts and pauses from now on; accepted requests stay. INVALID_ARGUMENT, with nothing
  // changed, if one is out of range or differs although it is fixed for the scheduler's life: max_batch_size,
  // max_sequence_length, max_idle_accounts, learn_costs.
  absl::Status Reconfigure(const SchedulerOptions& options);
  // Grants these customers their policies and revokes those of all others. Linear in the accounts.
  void ConfigureCustomers(const std::map<std::string, CustomerPolicy>& policies);

  // --- State ---
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
  // Sets what the batch is predicted to cost, and for how long its backend may keep it.
  void Predict(Batch& batch, const CostModel& cost) const;
  Batch Dispatch(const Occasion& occasion, BackendId backend);
  void StartRequest(PendingRequest& request, bool chosen_by_strategy, Batch& batch);
  void Charge(Customer& customer, double seconds);
  void TellBackend(const Batch& batch, Verdict verdict, Duration took, Time now);
  // Returns true if the batch was refused, maybe for its size; its members, sent alone, will show that.
  bool LearnSizeLimit(const Batch& batch, const absl::Status& status, Time now);
  // Returns true if the sequence may be retried; spends the retry budget if that is needed.
  bool MayRetry(const PendingSequence& sequence, const Batch& batch, Verdict verdict, Time now);
  void ReturnMembers(const Batch& batch, Verdict verdict, const absl::Status& status, bool maybe_too_large, Time now,
                     Effects& effects);
  void ReturnToStrategy(PendingSequence& sequence, Time now);
  void RetireSequence(PendingSequence& sequence, Time now, Effects& effects);
  void FailWaitingIfUnavailable(Time now, Effects& effects);
  void Finish(PendingRequest& request, Outcome outcome, absl::Status status, Time now, Effects& effects,
              bool hopeless = false);
  // If costs are assumed, measures what customers have waiting by what is known now, unless that was done not long ago.
  void MeasureWork(Time now);
  double SecondsByItself(const PendingRequest& request) const;
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
  // When what waits may be measured anew.
  Time measure_work_at_{};
  // What was wrong with the backend that failed last, for callers who are told that none can be reached; empty if one
  // has served a batch since, or never failed.
  std::string trouble_;
};

}  // namespace smartbatch::scheduling
