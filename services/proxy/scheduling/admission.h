// Who may join the queue, and who has to leave for it.
#pragma once

#include <cstdint>
#include <optional>

#include <absl/functional/function_ref.h>

#include "common/time.h"
#include "services/proxy/scheduling/answer_rate.h"
#include "services/proxy/scheduling/backend_pool.h"
#include "services/proxy/scheduling/customer_accounts.h"
#include "services/proxy/scheduling/heaviest_customer.h"
#include "services/proxy/scheduling/outcome.h"
#include "services/proxy/scheduling/pending_set.h"
#include "services/proxy/scheduling/queue_limits.h"
#include "services/proxy/scheduling/request.h"
#include "services/proxy/scheduling/running_batches.h"
#include "services/proxy/scheduling/scheduler_options.h"

namespace smartbatch::scheduling {

// A request was refused. `retry_after` is an estimate of when it would be accepted; zero where none can be made.
struct Rejection {
  RejectReason reason = RejectReason::kQueueFull;
  Duration retry_after{};
  // The limit that is reached, in requests, bytes or milliseconds of predicted cost; 0 where it is none.
  std::uint64_t limit = 0;
};

// Holds what waits and runs against the limits, the deadline and the backends. It judges and changes nothing itself:
// the scheduler accepts, refuses and ends. Where a customer is asked for, null stands for one without an account.
//
// What it is made from must outlive it and is read anew by every call. Constant time but for the backends, of which
// there are few, for their slots, and for MakeRoom. Not thread safe.
class Admission {
 public:
  Admission(const SchedulerOptions& options, const PendingSet& pending, const CustomerAccounts& customers,
            const BackendPool& backends, const RunningBatches& running)
      : options_(options), pending_(pending), customers_(customers), backends_(backends), running_(running) {}

  // Refuses everything from now on.
  void Stop() { open_ = false; }

  // Why the request may not join the queue; nothing where it may. That the whole queue is full is looked at last, so
  // that room is made only for what is accepted then.
  std::optional<RejectReason> ReasonToReject(const Arrival& arrival, const Customer* customer, Time now) const;

  // After a refusal because the whole queue is full: takes room from the customer with the most waiting work over its
  // weight, newest request first, as long as that has more than the one that asks. `shed` must end the request; the
  // asking customer's account may go with it. True where the request may join the queue now. At any other refusal
  // false, and nothing is shed.
  bool MakeRoom(RejectReason reason, const Arrival& arrival, const Customer* customer, Time now,
                absl::FunctionRef<void(PendingRequest&)> shed);

  Rejection RejectionFor(RejectReason reason, const Customer* customer, Time now) const;

  // What the request's sequences are predicted to cost one by one (QueueUse::cost_ns).
  std::uint64_t PredictedCost(const Arrival& arrival) const;

  // --- What happens ---
  void Answered(Time now) { answers_.Answered(now); }
  // Nothing of the customer waits any more: its account may go.
  void NothingWaitsOf(const Customer& customer) { heaviest_.Left(customer); }

 private:
  std::optional<QueueLimit> FullFor(const Arrival& arrival) const;
  QueueUse LimitsOf(const Customer& customer) const;
  bool CannotBeMet(const Arrival& arrival, Time now) const;
  Duration PredictedWait(Time now) const;

  const SchedulerOptions& options_;
  const PendingSet& pending_;
  const CustomerAccounts& customers_;
  const BackendPool& backends_;
  const RunningBatches& running_;
  HeaviestCustomer heaviest_;
  AnswerRate answers_;
  bool open_ = true;
};

}  // namespace smartbatch::scheduling
