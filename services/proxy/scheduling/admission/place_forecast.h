// Forecasts when there will be room in a full queue.
#pragma once

#include <cstdint>

#include "common/time.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/batches/running_batches.h"
#include "services/proxy/scheduling/customers/answer_rate.h"
#include "services/proxy/scheduling/customers/customer_accounts.h"
#include "services/proxy/scheduling/model/queue_limits.h"
#include "services/proxy/scheduling/options/scheduler_options.h"
#include "services/proxy/scheduling/queue/pending_set.h"

namespace smartbatch::scheduling {

struct Place {
  // The time until the place is free.
  Duration wait{};
  // The next place like it is free this much later.
  Duration spacing{};
};

// Limits on requests, bytes and cost, and what counts towards them.
struct LimitedShare {
  // What is unfinished, and how many of those requests have something waiting.
  QueueUse unfinished;
  std::uint64_t waiting_requests = 0;
  QueueUse limits;
  // What is promised to others, and not taken yet.
  QueueUse promised;
};

// A request that asks at time t finds room when enough has been answered that what is unfinished (U), what is promised
// to others (P) and the request itself (r) keep to the limit (L). So U + P + r - L must be answered first, in requests,
// bytes or cost, whichever takes longest. It is answered out of U first and then out of P; the cost of that part is W.
// With s seconds for each unit of cost, as AnswerRate has seen or as batches of what waits are predicted to take, the
// place is free at
//
//   t + 1.2 * (e + s * max(0, W - w)) + (W > w ? b : 0)
//
// Here e is the time until the first running batch ends, and w the cost that becomes free with it. Places become free a
// whole batch at a time, so a place in the middle of a batch comes only at its end: hence b, the time of a batch. The
// factor 1.2 allows for misprediction and leaves places for new callers; it is 1.3 while s is only predicted. Every
// promise makes P larger, so refused callers are spread over time just as places become free. Before anything has been
// answered the belief about costs is untested: a batch is then assumed to take at least kUntestedBatch, and an overdue
// batch as long again as it has taken. Until s has been seen, batches are assumed to take longer than predicted if
// those answered recently did.
//
// A customer's own share of the queue becomes free at the rate at which the backends serve that customer: as AnswerRate
// has seen it, and until then by its part of the cost in the queue, or what the other customers leave if that is less.
//
// The objects given to the constructor must outlive it.
//
// Complexity: constant, plus the backends and their slots, plus a few hundred waiting sequences while no rate is known.
// Thread safety: none.
class PlaceForecast {
 public:
  static constexpr Duration kUntestedBatch = std::chrono::seconds(1);

  PlaceForecast(const SchedulerOptions& options, const PendingSet& pending, const CustomerAccounts& customers,
                const BackendPool& backends, const RunningBatches& running)
      : options_(options), pending_(pending), customers_(customers), backends_(backends), running_(running) {}

  // The place of a request that takes this much, in the whole queue or in a customer's share of it. `of_all` is the
  // rate of the answers to all customers, `own` to this one.
  Place PlaceInQueue(const LimitedShare& share, const QueueUse& request, const AnswerRate& of_all, Time now) const;
  Place PlaceOfCustomer(const LimitedShare& share, const QueueUse& request, const AnswerRate& of_all,
                        const AnswerRate& own, Time now) const;
  // The time until a batch ends, or a backend comes back from a pause; zero while a slot is free.
  Duration UntilSomethingIsFree(const AnswerRate& of_all, Time now) const;

  // How long the places that are free now may have to last: until the next batch ends, and through a run of slow ones.
  Duration Lasting(const AnswerRate& of_all, Time now) const;

 private:
  double SecondsPerCost(const AnswerRate& of_all, Time now) const;
  double BelievedSecondsPerCost(const AnswerRate& of_all, Time now) const;
  double BatchSeconds(double seconds_per_cost, Time now) const;
  Place PlaceOf(const LimitedShare& share, const QueueUse& request, Duration first, double seconds_per_cost,
                double batch_seconds, bool seen) const;

  const SchedulerOptions& options_;
  const PendingSet& pending_;
  const CustomerAccounts& customers_;
  const BackendPool& backends_;
  const RunningBatches& running_;
};

}  // namespace smartbatch::scheduling
