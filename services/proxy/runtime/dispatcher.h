// The scheduler among threads: one lock, the real clock, and the payloads and replies that the core never sees.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/runtime/backend.h"
#include "services/proxy/runtime/batch_kinds.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/request.h"
#include "services/proxy/runtime/state.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::runtime {

// What can change while the dispatcher runs.
struct Reconfiguration {
  scheduling::SchedulerOptions options;
  // All that are configured; what is not named here is configured no longer.
  std::map<std::string, scheduling::CustomerPolicy> customers;
  // Where there is none the active strategy stays.
  std::optional<scheduling::StrategyChoice> strategy;
};

// Told of every decision, under the dispatcher's lock: returns soon, never waits, calls nothing of the dispatcher.
class DecisionObserver {
 public:
  virtual ~DecisionObserver() = default;
  // The strategy was asked what goes next, and chose a batch or a time to be asked again.
  virtual void Decided(std::string_view /*strategy*/, Duration /*took*/) {}
  // The scheduler is about to be asked, until it has no batch more.
  virtual void Asking(Time /*now*/) {}
  // Somebody has set the strategy, to this one with every parameter that it has.
  virtual void StrategySet(const scheduling::StrategyChoice& /*strategy*/) {}
  // Other options and customers hold from now on; where the strategy changes too, StrategySet follows.
  virtual void Reconfigured(const Reconfiguration& /*next*/) {}
};

// Tells several observers, in order; they must outlive it.
class DecisionObserverList final : public DecisionObserver {
 public:
  explicit DecisionObserverList(std::vector<DecisionObserver*> observers) : observers_(std::move(observers)) {}

  void Decided(std::string_view strategy, Duration took) override {
    for (DecisionObserver* const observer : observers_) observer->Decided(strategy, took);
  }
  void Asking(Time now) override {
    for (DecisionObserver* const observer : observers_) observer->Asking(now);
  }
  void StrategySet(const scheduling::StrategyChoice& strategy) override {
    for (DecisionObserver* const observer : observers_) observer->StrategySet(strategy);
  }
  void Reconfigured(const Reconfiguration& next) override {
    for (DecisionObserver* const observer : observers_) observer->Reconfigured(next);
  }

 private:
  const std::vector<DecisionObserver*> observers_;
};

// Takes requests, sends the batches that the scheduler forms and answers every request exactly once.
//
// Every event (a request, a batch's result, a cancel, the timer) is worked off by the thread that brings it: under the
// lock the scheduler is told and asked; after the lock has been let go the batches are sent and the requests answered.
// Nothing is called out under the lock but the observers.
//
// Thread safe. Before it is destroyed every request must have been answered and every batch have ended (Close and
// WaitUntilIdle), and RunTimer have returned.
class Dispatcher {
 public:
  // The clock and the observer must outlive it. The scheduler has no backend yet.
  Dispatcher(std::unique_ptr<scheduling::Scheduler> scheduler, const Clock& clock, DecisionObserver* observer);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Adds a backend that takes `slots` batches at once and whose batches are believed to cost `cost`.
  scheduling::BackendId AddBackend(std::string name, std::uint32_t slots, const scheduling::CostModel& cost,
                                   std::shared_ptr<Backend> backend);
  // The same with one that outlives the last batch.
  scheduling::BackendId AddBackend(std::string name, std::uint32_t slots, const scheduling::CostModel& cost,
                                   Backend& backend) {
    return AddBackend(std::move(name), slots, cost, std::shared_ptr<Backend>(std::shared_ptr<Backend>(), &backend));
  }
  // The backend gets no more batches; those that it has are finished, and then it is let go.
  void RemoveBackend(scheduling::BackendId id);
  // The backend takes that many batches at once from now on, at least 1; those that it has go on. It must not have been
  // removed.
  void SetSlots(scheduling::BackendId id, std::uint32_t slots);
  // As Scheduler::ReportHealth says. The backend must not have been removed.
  void ReportHealth(scheduling::BackendId id, scheduling::HealthReport report);

  // Whether requests are failed and refused at this moment because no backend can be reached.
  bool IsUnavailable() const;

  // Queues the request or refuses it; either way the reply is fulfilled once, maybe before this returns. The ticket
  // must be new; once the reply was fulfilled it may be gone.
  void Submit(Request request, Ticket& ticket, Reply reply);
  // The caller of the request went away. Its reply is fulfilled (with kCancelled) unless it was before. May be called
  // before, during and after Submit.
  void Cancel(Ticket& ticket);

  // As Scheduler::SetStrategy says.
  absl::StatusOr<scheduling::StrategyChange> SetStrategy(const scheduling::StrategyChoice& choice,
                                                         std::uint64_t expected_generation = 0,
                                                         bool validate_only = false);
  // What the active strategy was advised, and which one it follows from now on. FAILED_PRECONDITION, and nothing
  // changes, if it takes no advice, or may not follow that one: it may be another one by now.
  absl::Status TakeAdvice(std::string_view follow, AdviceState advice);
  void ConfigureCustomer(std::string_view name, const scheduling::CustomerPolicy& policy);
  // Takes over all of it at one moment, or nothing: with the errors of Scheduler::Reconfigure and SetStrategy.
  absl::Status Reconfigure(const Reconfiguration& next);

  // The state at this moment; of the customers at most so many, those with something in the queue first.
  State Look(std::size_t max_customers) const;
  // The same with the named customers, in their order; one that nobody knows is all zero.
  State Look(const std::vector<std::string>& customers) const;

  // Ends what has expired and sends what has become due.
  void Tick();
  // When Tick is due unless something happens before; kNever where nothing waits for the time.
  Time NextTick() const;
  // Calls Tick whenever it is due and nobody attends, until it is asked to stop: the work of a thread of its own.
  void RunTimer(const std::stop_token& stop);

  // A thread that brings events attends from now on, until it rests: after each of them, and before it rests, it calls
  // TickIfDue. So the timer's thread is not woken for what becomes due meanwhile. A thread that is about to wait for
  // events of which there are none must rest first.
  void Attend();
  void Rest();
  // Calls Tick if it is due, and answers how long it is until then; Duration::max() for never. Costs next to nothing.
  Duration TickIfDue();

  // From now on every new request is refused; those that are there go on.
  void StopAccepting();
  // Waits until no request is unfinished and no batch is at a backend; false where that took longer.
  bool WaitUntilIdle(Duration timeout);
  // Refuses every new request and ends, now, every request that is there; every batch is cancelled. May be repeated,
  // and must be until WaitUntilIdle says true: a batch that another thread was about to send cannot be cancelled yet.
  void Close();

 private:
  // condition_variable_any adds the time it is given to now: a bound keeps it from overflowing.
  static constexpr Duration kLongestSleep = std::chrono::hours(1);

  // What belongs to a request outside the core.
  struct Accepted {
    std::uint64_t number = 0;
    std::uint32_t kind = 0;
    std::shared_ptr<const protocol::Payload> payload;
    CallContext context;
    std::vector<protocol::RowResult> results;
    Reply reply;
  };
  struct RunningBatch {
    std::shared_ptr<Backend> backend;
    scheduling::BatchMembers members;
  };
  struct Sending {
    std::shared_ptr<Backend> backend;
    OutgoingBatch batch;
  };
  // What an event asks for; carried out after the lock has been let go.
  struct Actions {
    std::vector<Sending> batches;
    std::vector<std::pair<Reply, Ending>> endings;
    std::vector<std::pair<std::shared_ptr<Backend>, scheduling::BatchId>> cancels;
    bool wake_timer = false;
  };

  // The frame of every event: it holds the lock from its construction on, and when it goes it settles, lets the lock go
  // and carries out what is to be done. What an event takes out of the dispatcher to be destroyed without the lock is
  // declared before its turn. Its bodies are not analyzed, since the analysis does not see that the lock of dispatcher_
  // is the one that was acquired.
  class SMARTBATCH_SCOPED_LOCK Turn {
   public:
    explicit Turn(Dispatcher& dispatcher) SMARTBATCH_ACQUIRES(dispatcher.mutex_) SMARTBATCH_NOT_ANALYZED;
    ~Turn() SMARTBATCH_RELEASES SMARTBATCH_NOT_ANALYZED;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // When it got the lock.
    Time now() const { return now_; }
    // The event has changed nothing that could let a batch go, or end a request.
    void DoNotSettle() { settles_ = false; }

    // What the event has brought about; settling adds to both.
    scheduling::Effects effects;
    Actions actions;

   private:
    Dispatcher& dispatcher_;
    Time now_{};
    bool settles_ = true;
  };

  void Accept(scheduling::RequestId id, std::uint32_t kind, Request& request, Reply reply, Ticket& ticket)
      SMARTBATCH_REQUIRES(mutex_);
  void BatchEnded(scheduling::BatchId id, absl::StatusOr<BatchResults> results);
  absl::Status KeepResults(const RunningBatch& batch, absl::StatusOr<BatchResults> results) SMARTBATCH_REQUIRES(mutex_);

  // After every event: ends what has expired, so that it is never sent, takes what ended, asks for batches until there
  // is none, and finds out when to ask again.
  void Settle(scheduling::Effects effects, Time now, Actions& actions) SMARTBATCH_REQUIRES(mutex_);
  void TakeEffects(scheduling::Effects effects, Actions& actions) SMARTBATCH_REQUIRES(mutex_);
  void Decide(Time now, Actions& actions) SMARTBATCH_REQUIRES(mutex_);
  Sending Prepare(scheduling::Batch batch) SMARTBATCH_REQUIRES(mutex_);
  bool IsIdle() const SMARTBATCH_REQUIRES(mutex_);
  // The timer's thread sleeps beyond the time to tick, and nobody else looks.
  bool TimerIsLate() const SMARTBATCH_REQUIRES(mutex_);
  void CarryOut(Actions&& actions) SMARTBATCH_EXCLUDES(mutex_);

  const Clock& clock_;
  DecisionObserver* const observer_;
  const Time started_;

  mutable Mutex mutex_;
  const std::unique_ptr<scheduling::Scheduler> scheduler_ SMARTBATCH_POINTEE_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Backend>> backends_ SMARTBATCH_GUARDED_BY(mutex_);  // by BackendId
  std::vector<Accepted> accepted_ SMARTBATCH_GUARDED_BY(mutex_);                  // by RequestId.slot
  BatchKinds kinds_ SMARTBATCH_GUARDED_BY(mutex_);
  absl::flat_hash_map<scheduling::BatchId, RunningBatch> running_ SMARTBATCH_GUARDED_BY(mutex_);
  std::string_view strategy_ SMARTBATCH_GUARDED_BY(mutex_);
  std::optional<AdviceState> advice_ SMARTBATCH_GUARDED_BY(mutex_);
  // Changed under the lock.
  std::atomic<Time> wake_at_ = kNever;
  Time timer_sleeps_until_ SMARTBATCH_GUARDED_BY(mutex_) = kNever;
  int attending_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::condition_variable_any timer_;  // TimerIsLate() has become true
  std::condition_variable_any idle_;   // IsIdle() has become true
};

}  // namespace smartbatch::runtime
