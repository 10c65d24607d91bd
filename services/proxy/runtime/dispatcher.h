// Runs the scheduler among threads: with one lock, the real clock, and the payloads and replies that the core never
// sees.
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
#include "services/proxy/runtime/backend_link.h"
#include "services/proxy/runtime/batch_kinds.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/device_shares.h"
#include "services/proxy/runtime/offer_observer.h"
#include "services/proxy/runtime/state.h"
#include "services/proxy/runtime/submission.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::runtime {

// What can change while the dispatcher runs.
struct Reconfiguration {
  scheduling::SchedulerOptions options;
  // All configured customers; a customer that is missing here loses its configuration.
  std::map<std::string, scheduling::CustomerPolicy> customers;
  // If there is none, the active strategy stays.
  std::optional<scheduling::StrategyChoice> strategy;
};

// An observer of every decision. It is called under the dispatcher's lock: it must return soon, never wait, and not
// call the dispatcher.
class DecisionObserver {
 public:
  virtual ~DecisionObserver() = default;
  // The strategy was asked what goes next, and chose a batch or a time at which to be asked again.
  virtual void Decided(std::string_view /*strategy*/, Duration /*took*/) {}
  // The scheduler is about to be asked for batches until it has none left.
  virtual void Asking(Time /*now*/) {}
  // The strategy was set; `strategy` has all its parameters.
  virtual void StrategySet(const scheduling::StrategyChoice& /*strategy*/) {}
  // New options and customers are in force from now on. If the strategy changes too, StrategySet follows.
  virtual void Reconfigured(const Reconfiguration& /*next*/) {}
};

// Tells several observers, in order. The observers must outlive it.
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

// The dispatcher: takes requests, sends the batches that the scheduler forms and answers every request exactly once.
//
// Every event (a request, a batch's result, a cancellation, the timer) is handled by the thread that brings it. Under
// the lock it tells the scheduler and asks for batches; after releasing the lock it sends the batches and answers
// requests. Only the observers, and the brokers of devices, are called under the lock. If a device has a slot for
// another model then, the same thread ticks the dispatcher of that model.
//
// Thread safety: safe.
// Requires, before destruction: every request has been answered and every batch has ended (Close and WaitUntilIdle),
// and RunTimer has returned.
class Dispatcher {
 public:
  // Requires: the clock and the observers outlive the dispatcher; the scheduler has no backend yet.
  Dispatcher(std::unique_ptr<scheduling::Scheduler> scheduler, const Clock& clock, DecisionObserver* observer,
             OfferObserver* offers = nullptr);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Adds a backend that takes `slots` batches at once and whose batches are believed to cost `cost`. With a share of a
  // device, which must be this dispatcher's, it gets a batch only if the device has a slot for it.
  scheduling::BackendId AddBackend(std::string name, std::uint32_t slots, const CostModel& cost,
                                   std::shared_ptr<BackendLink> backend, std::shared_ptr<DeviceShare> share = nullptr);
  // The same for a backend that is owned elsewhere and outlives the last batch.
  scheduling::BackendId AddBackend(std::string name, std::uint32_t slots, const CostModel& cost, BackendLink& backend,
                                   std::shared_ptr<DeviceShare> share = nullptr) {
    return AddBackend(std::move(name), slots, cost,
                      std::shared_ptr<BackendLink>(std::shared_ptr<BackendLink>(), &backend), std::move(share));
  }
  // The backend gets no more batches. It is released once those that it has are finished.
  void RemoveBackend(scheduling::BackendId id);
  // The backend takes `slots` batches at once from now on; running batches go on. Requires: `slots` is at least 1, and
  // the backend has not been removed.
  void SetSlots(scheduling::BackendId id, std::uint32_t slots);
  // As Scheduler::ReportHealth. Requires: the backend has not been removed.
  void ReportHealth(scheduling::BackendId id, scheduling::HealthReport report);

  // Returns true while requests fail and are refused because no backend can be reached.
  bool IsUnavailable() const;

  // Queues the request or refuses it; either way the reply is fulfilled once, possibly before this returns. Requires:
  // the ticket is new and lives until the reply is fulfilled.
  void Submit(Submission request, Ticket& ticket, Reply reply);
  // The caller of the request has gone. Its reply is fulfilled with kCancelled, unless it has been fulfilled before.
  // May be called before, during and after Submit.
  void Cancel(Ticket& ticket);

  // As Scheduler::SetStrategy.
  absl::StatusOr<scheduling::StrategyChange> SetStrategy(const scheduling::StrategyChoice& choice,
                                                         std::uint64_t expected_generation = 0,
                                                         bool validate_only = false);
  // Gives the active strategy advice: which strategy to follow from now on, and why.
  // Errors: FAILED_PRECONDITION, and nothing changes, if the active strategy takes no advice or may not follow that
  // one: an operator may have switched the strategy meanwhile.
  absl::Status TakeAdvice(std::string_view follow, AdviceState advice);
  void ConfigureCustomer(std::string_view name, const scheduling::CustomerPolicy& policy);
  // Takes over all of it at once, or nothing. Errors: those of Scheduler::Reconfigure and SetStrategy.
  absl::Status Reconfigure(const Reconfiguration& next);

  // The state at this moment, with at most `max_customers` customers, those with requests in the queue first.
  State Look(std::size_t max_customers) const;
  // The same with the named customers, in this order; an unknown customer is all zero.
  State Look(const std::vector<std::string>& customers) const;

  // Ends requests that have expired and sends batches that have become due.
  void Tick();
  // When Tick is due if nothing else happens before; kNever if nothing waits for a time.
  Time NextTick() const;
  // Calls Tick whenever it is due and no thread attends, until it is asked to stop. Needs a thread of its own.
  void RunTimer(const std::stop_token& stop);

  // The calling thread, which brings events, attends from now on until it rests: it calls TickIfDue after each event
  // and before it rests, so that the timer's thread is not woken for what becomes due meanwhile. Requires: the thread
  // rests before it waits for events.
  void Attend();
  void Rest();
  // Calls Tick if it is due, and returns the time until it is due next; Duration::max() for never. Cheap.
  Duration TickIfDue();

  // Refuses every new request from now on; accepted requests go on.
  void StopAccepting();
  // Waits until every request has ended and no batch is at a backend. Returns false if that takes longer than
  // `timeout`.
  bool WaitUntilIdle(Duration timeout);
  // Refuses every new request, ends every accepted request now, and cancels every batch. Call it again until
  // WaitUntilIdle returns true: a batch that another thread is about to send cannot be cancelled yet.
  void Close();

 private:
  // condition_variable_any adds this to the current time: the bound prevents an overflow.
  static constexpr Duration kLongestSleep = std::chrono::hours(1);

  // What the dispatcher keeps of a request, besides what the core knows.
  struct Accepted {
    std::uint64_t number = 0;
    std::uint32_t kind = 0;
    std::shared_ptr<const protocol::Payload> payload;
    CallContext context;
    std::vector<protocol::RowResult> results;
    Reply reply;
  };
  struct SentBatch {
    std::shared_ptr<BackendLink> backend;
    scheduling::BatchMembers members;
    DeviceUse device;
  };
  struct Sending {
    std::shared_ptr<BackendLink> backend;
    OutgoingBatch batch;
  };
  // What an event asks for; carried out after the lock is released.
  struct Actions {
    std::vector<Sending> batches;
    std::vector<Dispatcher*> next_on_devices;
    std::vector<std::pair<Reply, Ending>> endings;
    std::vector<std::pair<std::shared_ptr<BackendLink>, scheduling::BatchId>> cancels;
    bool wake_timer = false;
  };

  // The frame of every event. The constructor takes the lock; the destructor settles, releases the lock and carries out
  // the actions. An object that is to be destroyed without the lock must be declared before the turn. The bodies are
  // not analyzed, since the analysis does not see that the lock of dispatcher_ is the one that was acquired.
  class SMARTBATCH_SCOPED_LOCK Turn {
   public:
    explicit Turn(Dispatcher& dispatcher) SMARTBATCH_ACQUIRES(dispatcher.mutex_) SMARTBATCH_NOT_ANALYZED;
    ~Turn() SMARTBATCH_RELEASES SMARTBATCH_NOT_ANALYZED;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    // The time at which it got the lock.
    Time now() const { return now_; }
    // Call it if the event has changed nothing that could release a batch or end a request.
    void DoNotSettle() { settles_ = false; }

    // The results of the event; settling adds to both.
    scheduling::Effects effects;
    Actions actions;

   private:
    Dispatcher& dispatcher_;
    Time now_{};
    bool settles_ = true;
  };

  void Accept(scheduling::RequestId id, std::uint32_t kind, Submission& request, Reply reply, Ticket& ticket)
      SMARTBATCH_REQUIRES(mutex_);
  void BatchEnded(scheduling::BatchId id, absl::StatusOr<BatchResults> results);
  absl::Status KeepResults(const SentBatch& batch, absl::StatusOr<BatchResults> results) SMARTBATCH_REQUIRES(mutex_);

  // After every event: ends requests that have expired, so that they are never sent, takes the results of ended ones,
  // asks for batches until there is none, and finds out when to ask again.
  void Settle(scheduling::Effects effects, Time now, Actions& actions) SMARTBATCH_REQUIRES(mutex_);
  void TakeEffects(scheduling::Effects effects, Actions& actions) SMARTBATCH_REQUIRES(mutex_);
  void Decide(Time now, Actions& actions) SMARTBATCH_REQUIRES(mutex_);
  Sending Prepare(scheduling::Batch batch) SMARTBATCH_REQUIRES(mutex_);
  bool IsIdle() const SMARTBATCH_REQUIRES(mutex_);
  // Returns true if the timer's thread sleeps beyond the time to tick and no other thread attends.
  bool TimerIsLate() const SMARTBATCH_REQUIRES(mutex_);
  void CarryOut(Actions&& actions) SMARTBATCH_EXCLUDES(mutex_);

  const Clock& clock_;
  DecisionObserver* const observer_;
  OfferObserver* const offers_;
  const Time started_;

  mutable Mutex mutex_;
  const std::unique_ptr<scheduling::Scheduler> scheduler_ SMARTBATCH_POINTEE_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<BackendLink>> backends_ SMARTBATCH_GUARDED_BY(mutex_);  // by BackendId
  DeviceShares devices_ SMARTBATCH_GUARDED_BY(mutex_);
  std::vector<Accepted> accepted_ SMARTBATCH_GUARDED_BY(mutex_);  // by RequestId.slot
  BatchKinds kinds_ SMARTBATCH_GUARDED_BY(mutex_);
  absl::flat_hash_map<scheduling::BatchId, SentBatch> running_ SMARTBATCH_GUARDED_BY(mutex_);
  std::string_view strategy_ SMARTBATCH_GUARDED_BY(mutex_);
  std::optional<AdviceState> advice_ SMARTBATCH_GUARDED_BY(mutex_);
  // Written under the lock only.
  std::atomic<Time> wake_at_ = kNever;
  Time timer_sleeps_until_ SMARTBATCH_GUARDED_BY(mutex_) = kNever;
  int attending_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::condition_variable_any timer_;  // TimerIsLate() has become true
  std::condition_variable_any idle_;   // IsIdle() has become true
};

}  // namespace smartbatch::runtime
