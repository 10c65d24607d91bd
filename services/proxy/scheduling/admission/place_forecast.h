// When there will be room in a full queue.
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
  // Until the place is free.
  Duration wait{};
  // That much later the next one like it is free.
  Duration spacing{};
};

// A limit on requests, bytes or cost, and what counts towards it.
struct LimitedShare {
  // Unfinished, and how many of those requests have something waiting.
  QueueUse unfinished;
  std::uint64_t waiting_requests = 0;
  QueueUse limits;
  // Promised to others, and not taken yet.
  QueueUse promised;
};

// A request that asks at time t finds room when so much has been answered that what is unfinished (U), what is promised
// to others (P) and the request itself (r) keep to the limit (L). So U + P + r - L has to be answered first, in
// requests, bytes or cost, whichever takes longest. It is answered out of U, and out of P beyond that; the cost of that
// part is W. With s seconds for each unit of cost, as AnswerRate has seen it or as batches of what waits are predicted
// to take, the place is free at
//
//   t + 1.2 * (e + s * max(0, W - w)) + (W > w ? b : 0)
//
// Here e is the time until the first running batch ends, and w what becomes free with it. Places become free a whole
// batch at a time, so one in the middle of a batch only at its end: hence b, the time of a batch. The fifth is for what
// is mispredicted, and leaves places to those who come for the first time; it is 1.3 while s is only predicted. Every
// promise makes P larger, and so those who are refused are spread over time just as places become free. Before anything
// was ever answered the belief about costs is untested: a batch is then held to take kUntestedBatch at least, and one
// that is overdue as long again as it has taken. Until s has been seen, batches are held to take longer than predicted
// if those that were answered lately did.
//
// Of its own share of the queue a customer gets back what it gets of the backends: as AnswerRate has seen it for that
// customer, and until then its part of the cost in the queue, or what the other customers leave if that is less.
//
// What it is made from must outlive it. Constant time but for the backends and their slots, and for a few hundred of
// the sequences that wait as long as no rate is known. Not thread safe.
class PlaceForecast {
 public:
  static constexpr Duration kUntestedBatch = std::chrono::seconds(1);

  PlaceForecast(const SchedulerOptions& options, const PendingSet& pending, const CustomerAccounts& customers,
                const BackendPool& backends, const RunningBatches& running)
      : options_(options), pending_(pending), customers_(customers), backends_(backends), running_(running) {}

  // Where a request that takes so much finds room: in the whole queue, or in a customer's share of it. `of_all` are the
  // answers to all customers, `own` those to this one.
  Place PlaceInQueue(const LimitedShare& share, const QueueUse& request, const AnswerRate& of_all, Time now) const;
  Place PlaceOfCustomer(const LimitedShare& share, const QueueUse& request, const AnswerRate& of_all,
                        const AnswerRate& own, Time now) const;
  // The time until a batch ends, or a backend comes back from a pause; zero while a slot is free.
  Duration UntilSomethingIsFree(const AnswerRate& of_all, Time now) const;

  // For so long may what is free now have to last: until the next batch ends, and through a run of slow ones.
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
