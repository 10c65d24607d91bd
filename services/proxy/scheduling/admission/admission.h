// Decides which requests may join the queue, and which must leave to make room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

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

// Why a request was refused. If a limit of the queue was the reason, `retry_after` is the time until it should find
// room (PlaceForecast); zero if it never will, since it is larger than the limit by itself.
struct Rejection {
  RejectReason reason = RejectReason::kQueueFull;
  Duration retry_after{};
  // The limit that is reached, in requests, bytes or milliseconds of predicted cost; 0 if no limit is the reason.
  std::uint64_t limit = 0;
  // Why no backend can be reached, if that is the reason and if it is known.
  std::string trouble = {};
};

// Checks what waits and runs against the limits, the deadline and the backends. It only judges: the scheduler accepts,
// refuses and ends requests. As an argument, a null customer is one without an account.
//
// A caller that is refused for lack of room is promised a place: it is told when a place will be free, after the places
// promised to earlier callers (PlaceForecast). So that promises are kept, places that are needed for them before the
// next batch ends are held back from calls without a promise, but only while another round of batches waits: no backend
// idles for a promise. A call that comes back is recognized by its customer, its lengths and its bytes. A place that is
// more than kFurthest away, or that comes after the caller's deadline, is not promised; the caller is told the time all
// the same, at most kFurthest.
//
// The objects given to the constructor must outlive it; every call reads them anew.
//
// Complexity: constant, plus the few backends and their slots, plus the logarithm of the promises; MakeRoom takes
// longer. Thread safety: none.
class Admission {
 public:
  Admission(const SchedulerOptions& options, const PendingSet& pending, const CustomerAccounts& customers,
            const BackendPool& backends, const RunningBatches& running)
      : options_(options), pending_(pending), customers_(customers), backends_(backends), running_(running) {}

  // A place is promised at most this far ahead.
  static constexpr Duration kFurthest = std::chrono::seconds(60);

  // Refuses everything from now on.
  void Stop() { open_ = false; }

  // Returns why the request may not join the queue; nothing if it may. A full queue is checked last, so that room is
  // made only for requests that are then accepted.
  std::optional<RejectReason> ReasonToReject(const Arrival& arrival, const Customer* customer, Time now);

  // Makes room after a refusal because the whole queue is full. Takes room from the customer with the most waiting work
  // over its weight, newest request first, while that customer has more than the one that asks (twice as much while
  // places are promised: otherwise they would go back and forth among customers with about the same share). `shed` must
  // end the request; the asking customer's account may go with it. Nothing is shed if a place was only held back.
  // Returns true if the request may join the queue now. After any other refusal it returns false and sheds nothing.
  bool MakeRoom(RejectReason reason, const Arrival& arrival, const Customer* customer, Time now,
                absl::FunctionRef<void(PendingRequest&)> shed);

  // Returns what the caller is told, and promises it a place if a limit is the reason.
  Rejection Refuse(RejectReason reason, const Arrival& arrival, Customer* customer, Time now);
  // Promises a place to a request that was shed; returns the time until then.
  Duration PromisePlace(const PendingRequest& shed, Time now);

  // How much of the queue the request would take.
  QueueUse UseOf(const Arrival& arrival) const;

  // --- Events ---
  // The request joins the queue, and takes its promised place.
  void Accepted(const Arrival& arrival, Customer* customer, Time now);
  // The request has been answered; it may already be finished.
  void Answered(const PendingRequest& request, Time now);
  // The customer has no waiting request any more: its account may go.
  void NothingWaitsOf(const Customer& customer) { heaviest_.Left(customer); }

 private:
  std::optional<QueueLimit> FullFor(const Arrival& arrival) const;
  // The limit that is reached, counting the places that are held back from this request.
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
