// Who may join the queue, and who has to leave for it.
#pragma once

#include <cstdint>
#include <optional>

#include <absl/functional/function_ref.h>

#include "common/time.h"
#include "services/proxy/scheduling/admission/heaviest_customer.h"
#include "services/proxy/scheduling/admission/place_forecast.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/batches/running_batches.h"
#include "services/proxy/scheduling/customers/answer_rate.h"
#include "services/proxy/scheduling/customers/customer_accounts.h"
#include "services/proxy/scheduling/customers/waitlist.h"
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/model/queue_limits.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/options/scheduler_options.h"
#include "services/proxy/scheduling/queue/pending_set.h"

namespace smartbatch::scheduling {

// A request was refused. If a limit of the queue was the reason, `retry_after` is when it should find room
// (PlaceForecast); zero if it never would, since it is larger than the limit by itself.
struct Rejection {
  RejectReason reason = RejectReason::kQueueFull;
  Duration retry_after{};
  // The limit that is reached, in requests, bytes or milliseconds of predicted cost; 0 where it is none.
  std::uint64_t limit = 0;
};

// Holds what waits and runs against the limits, the deadline and the backends. It judges and changes nothing of the
// queue itself: the scheduler accepts, refuses and ends. Where a customer is asked for, null stands for one without an
// account.
//
// Whoever is refused for want of room is promised a place: the time at which it will have come free after those that
// are taken by the callers who were promised one before (PlaceForecast). So that a promise is worth something, places
// that will be needed for promises before the next batch ends are held back from calls that were promised nothing, but
// only while another round of batches waits: nothing idles for a promise. A call is known again by its customer, its
// lengths and its bytes. Nothing is promised that is more than kFurthest away or that comes after the caller's
// deadline; such a caller is told the time all the same, at most kFurthest.
//
// What it is made from must outlive it and is read anew by every call. Constant time but for the backends, of which
// there are few, for their slots, for MakeRoom, and for the logarithm of the promises. Not thread safe.
class Admission {
 public:
  Admission(const SchedulerOptions& options, const PendingSet& pending, const CustomerAccounts& customers,
            const BackendPool& backends, const RunningBatches& running)
      : options_(options), pending_(pending), customers_(customers), backends_(backends), running_(running) {}

  // At most so far ahead is a place promised.
  static constexpr Duration kFurthest = std::chrono::seconds(60);

  // Refuses everything from now on.
  void Stop() { open_ = false; }

  // Why the request may not join the queue; nothing where it may. That the whole queue is full is looked at last, so
  // that room is made only for what is accepted then.
  std::optional<RejectReason> ReasonToReject(const Arrival& arrival, const Customer* customer, Time now);

  // After a refusal because the whole queue is full: takes room from the customer with the most waiting work over its
  // weight, newest request first, as long as that has more than the one that asks (twice as much while places are
  // promised: else they would go to and fro among customers who have about as much). `shed` must end the request; the
  // asking customer's account may go with it. Nothing is shed if there is a place that was only held back. True where
  // the request may join the queue now. At any other refusal false, and nothing is shed.
  bool MakeRoom(RejectReason reason, const Arrival& arrival, const Customer* customer, Time now,
                absl::FunctionRef<void(PendingRequest&)> shed);

  // What the caller is told, and promises it a place if a limit is the reason.
  Rejection Refuse(RejectReason reason, const Arrival& arrival, Customer* customer, Time now);
  // The same for a request that was shed: the time until its place.
  Duration PromisePlace(const PendingRequest& shed, Time now);

  // What the request's sequences are predicted to cost one by one (QueueUse::cost_ns).
  std::uint64_t PredictedCost(const Arrival& arrival) const;

  // --- What happens ---
  // The request joins the queue: it takes the place that it was promised.
  void Accepted(const Arrival& arrival, Customer* customer, Time now);
  // The request has its answer; it need not be unfinished any more.
  void Answered(const PendingRequest& request, Time now);
  // Nothing of the customer waits any more: its account may go.
  void NothingWaitsOf(const Customer& customer) { heaviest_.Left(customer); }

 private:
  std::optional<QueueLimit> FullFor(const Arrival& arrival) const;
  // The limit that is reached with the places that are held back from this request.
  std::optional<QueueLimit> FullOrPromised(const Arrival& arrival, const QueueUse& unfinished, const QueueUse& limits,
                                           Waitlist* waitlist, Time now);
  LimitedShare WholeQueue() const;
  LimitedShare ShareOf(const Customer& customer) const;
  Duration Promise(const LimitedShare& share, const QueueUse& request, std::uint64_t key, Time deadline,
                   Waitlist& waitlist, const AnswerRate* own, Time now);
  QueueUse LimitsOf(const Customer& customer) const;
  bool CannotBeMet(const Arrival& arrival, Time now) const;
  Duration PredictedWait(Time now) const;

  const SchedulerOptions& options_;
  const PendingSet& pending_;
  const CustomerAccounts& customers_;
  const BackendPool& backends_;
  const RunningBatches& running_;
  HeaviestCustomer heaviest_;
  PlaceForecast forecast_{options_, pending_, customers_, backends_, running_};
  Waitlist waitlist_{Waitlist::kMostOfAll};
  bool open_ = true;
};

}  // namespace smartbatch::scheduling
