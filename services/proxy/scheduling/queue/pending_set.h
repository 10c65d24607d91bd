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
#include "services/proxy/scheduling/model/cost_model.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// Owns the requests, moves their sequences from waiting to running to done, and keeps the orders that every
// strategy needs: arrival over all, arrival within a customer, deadlines. Strategies hold a const reference: they
// may walk and read, and the requests they name in a Selection are moved on by the scheduler.
//
// Every operation takes constant time but for those that say otherwise. Not thread safe.
class PendingSet {
 public:
  PendingSet() = default;
  PendingSet(const PendingSet&) = delete;
  PendingSet& operator=(const PendingSet&) = delete;
  ~PendingSet();

  // --- For strategies ---

  // The oldest request with a waiting sequence; null where nothing waits.
  PendingRequest* Oldest() const;
  // The next younger one; null at the end.
  PendingRequest* Younger(const PendingRequest& request) const;
  // The same among one customer's requests.
  static PendingRequest* OldestOf(const Customer& customer);
  static PendingRequest* YoungerOfCustomer(const PendingRequest& request);

  std::uint64_t waiting_requests() const { return waiting_requests_; }
  // Sequences that a strategy may choose.
  std::uint64_t waiting_sequences() const { return waiting_sequences_; }
  // Of the requests with a waiting sequence; zero where nothing waits.
  Duration MeanAge(Time now) const;

  // What a sequence is held to cost where the queue is shared out among customers: at least 1 ns. It does not change
  // while anything waits, unlike the fitted cost, so that what is added is taken away again.
  std::uint64_t WorkOf(std::uint32_t length) const { return 1 + static_cast<std::uint64_t>(work_.Alone(length) * 1e9); }

  // --- For the scheduler ---

  // Nothing may wait.
  void MeasureWorkBy(const CostModel& cost) { work_ = cost; }

  // Adds a request whose sequences all wait, and which is predicted to cost so much (QueueUse). Logarithmic in the
  // number of deadlines where it has one.
  PendingRequest& Insert(Customer& customer, const Arrival& arrival, std::uint64_t cost_ns, std::uint64_t number,
                         Time now);

  // The request of that id; null where it was released.
  PendingRequest* Find(RequestId id);

  // A waiting sequence goes to a backend.
  void StartRunning(PendingSequence& sequence);
  // A running sequence comes back without a result and waits again: for the strategy's choice or, with `alone`, to
  // be tried by itself. Linear in the requests that are older than this one and wait.
  void ReturnToWaiting(PendingSequence& sequence, bool alone);
  // A running sequence has its result, or nobody wants it any more.
  void StopRunning(PendingSequence& sequence);

  // Ends the request: nothing of it waits any more. It is released at once, or when its last part stops running.
  void Finish(PendingRequest& request);
  // Frees the slot of a finished request with no running part; `request` is gone afterwards.
  void ReleaseIfIdle(PendingRequest& request);

  // The earliest deadline of an unfinished request; kNever where there is none.
  Time EarliestDeadline() const;
  // An unfinished request whose deadline is not after now; null where there is none.
  PendingRequest* AnyExpired(Time now);

  std::uint64_t unfinished_requests() const { return unfinished_.requests; }
  const QueueUse& unfinished() const { return unfinished_; }
  // The first unfinished request at `slot` or behind it, which is moved to its place; null where there is none.
  PendingRequest* NextUnfinished(std::uint32_t& slot);

 private:
  struct Deadline {
    Time time{};
    RequestId id;
    friend auto operator<=>(const Deadline&, const Deadline&) = default;
  };

  void LinkWaiting(PendingRequest& request);
  void UnlinkWaiting(PendingRequest& request);
  static void RecomputeLongestWaiting(PendingRequest& request);

  // Requests keep their address. A standard deque would give each of them a block of its own.
  using Slots = boost::container::deque<PendingRequest, std::allocator<PendingRequest>,
                                        boost::container::deque_options_t<boost::container::block_size<256U>>>;

  CostModel work_;
  Slots slots_;
  std::vector<std::uint32_t> free_slots_;
  ArrivalList by_arrival_;
  absl::btree_set<Deadline> deadlines_;
  std::uint64_t waiting_requests_ = 0;
  std::uint64_t waiting_sequences_ = 0;
  // Of the arrivals of the requests that wait, in microseconds; it may overflow, the sum of their ages does not.
  std::uint64_t sum_of_arrivals_ = 0;
  QueueUse unfinished_;
};

}  // namespace smartbatch::scheduling
