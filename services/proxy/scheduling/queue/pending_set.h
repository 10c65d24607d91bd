// Everything the scheduler has accepted and not yet released.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <absl/container/btree_set.h>
#include <boost/container/deque.hpp>

#include "common/time.h"
#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/model/believed_cost.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// Owns the requests, moves their sequences from waiting to running to done, and keeps the orders that every
// strategy needs: arrival over all, arrival within a customer, deadlines. Strategies hold a const reference: they
// only read, and the scheduler moves the requests that they name in a Selection.
//
// Complexity: constant, unless a function says otherwise.
// Thread safety: none.
class PendingSet {
 public:
  PendingSet() = default;
  PendingSet(const PendingSet&) = delete;
  PendingSet& operator=(const PendingSet&) = delete;
  ~PendingSet();

  // --- For strategies ---

  // The oldest request with a waiting sequence; null if nothing waits.
  PendingRequest* Oldest() const;
  // The next younger one; null at the end.
  PendingRequest* Younger(const PendingRequest& request) const;
  // The same among one customer's requests.
  static PendingRequest* OldestOf(const Customer& customer);
  static PendingRequest* YoungerOfCustomer(const PendingRequest& request);

  std::uint64_t waiting_requests() const { return waiting_requests_; }
  // Sequences that a strategy may choose.
  std::uint64_t waiting_sequences() const { return waiting_sequences_; }
  // The mean age of the requests with a waiting sequence; zero if nothing waits.
  Duration MeanAge(Time now) const;

  // The cost of a sequence for comparing what customers have waiting, in nanoseconds: at least 1. Unlike the fitted
  // cost it changes by MeasureWorkBy alone, so that subtracting restores exactly what adding changed.
  std::uint64_t WorkOf(std::uint32_t length) const {
    return 1 + static_cast<std::uint64_t>(work_.CountedSeconds(1, length) * 1e9);
  }

  // --- For the scheduler ---

  // Sets the cost of WorkOf, and measures anew what waits. Linear in the waiting requests and their sequences.
  void MeasureWorkBy(const BelievedCost& cost);

  // Adds a request whose sequences all wait, and which takes `use` of the queue. Logarithmic in the number of
  // deadlines if it has one.
  PendingRequest& Insert(Customer& customer, const Arrival& arrival, const QueueUse& use, std::uint64_t number,
                         Time now);

  // The request with that id; null if it was released.
  PendingRequest* Find(RequestId id);

  // Moves the selected sequences of the request to a backend. Linear in its sequences.
  void StartSelected(PendingRequest& request);
  // Takes back a running sequence without a result, which waits again: for the strategy's choice or, with `alone`, to
  // be tried alone. Linear in the waiting requests that are older than this one.
  void ReturnToWaiting(PendingSequence& sequence, bool alone);
  // Ends a running sequence: it has its result, or nobody wants it any more.
  void StopRunning(PendingSequence& sequence);

  // Ends the request: none of its sequences waits any more. It is released at once, or when its last part stops
  // running.
  void Finish(PendingRequest& request);
  // Frees the slot of a finished request without a running part; `request` is then gone.
  void ReleaseIfIdle(PendingRequest& request);

  // The earliest deadline of an unfinished request; kNever if there is none.
  Time EarliestDeadline() const;
  // An unfinished request whose deadline is not after now; null if there is none.
  PendingRequest* AnyExpired(Time now);

  std::uint64_t unfinished_requests() const { return unfinished_.requests; }
  const QueueUse& unfinished() const { return unfinished_; }
  // The first unfinished request at or after `slot`, which is set to the request's slot; null if there is none.
  PendingRequest* NextUnfinished(std::uint32_t& slot);

 private:
  struct Deadline {
    Time time{};
    RequestId id;
    friend auto operator<=>(const Deadline&, const Deadline&) = default;
  };

  void LinkWaiting(PendingRequest& request);
  void UnlinkWaiting(PendingRequest& request);
  void StartRunning(PendingSequence& sequence);
  static void RecomputeLongestWaiting(PendingRequest& request);

  // Requests keep their addresses. A standard deque would allocate a block for each request.
  using Slots = boost::container::deque<PendingRequest, std::allocator<PendingRequest>,
                                        boost::container::deque_options_t<boost::container::block_size<256U>>>;

  BelievedCost work_;
  Slots slots_;
  std::vector<std::uint32_t> free_slots_;
  ArrivalList by_arrival_;
  absl::btree_set<Deadline> deadlines_;
  std::uint64_t waiting_requests_ = 0;
  std::uint64_t waiting_sequences_ = 0;
  // The sum of the arrival times of the waiting requests, in microseconds. It may overflow; the sum of their ages does
  // not.
  std::uint64_t sum_of_arrivals_ = 0;
  QueueUse unfinished_;
};

}  // namespace smartbatch::scheduling
