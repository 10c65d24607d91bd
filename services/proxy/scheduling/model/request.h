// A request as the scheduling core knows it: whose it is, how long its sequences are, and where each of them
// stands. The text itself never comes here.
//
// Not thread safe, like everything in this folder: one owner calls, and hands the time in.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include <absl/container/inlined_vector.h>
#include <boost/intrusive/list.hpp>

#include "common/time.h"
#include "services/proxy/scheduling/model/queue_limits.h"

namespace smartbatch::scheduling {

// Names a request from Offer until its outcome is given. `number` counts the offers and is never used twice; it
// is also the order of arrival. `slot` is where the request lies in the pending set: below the largest number of
// requests ever alive at once, and used again, so a caller can keep what belongs to a request in an array.
struct RequestId {
  std::uint64_t number = 0;
  std::uint32_t slot = 0;
  friend auto operator<=>(const RequestId&, const RequestId&) = default;
};

// Sequences longer than this many characters cannot be scheduled (the length index has three levels of 64).
inline constexpr std::uint32_t kLongestSequence = (1U << 18) - 1;

// What is offered to the scheduler.
struct Arrival {
  std::string_view customer;
  // One length in characters for each sequence: 1 to max_batch_size lengths of 1 to max_sequence_length.
  std::span<const std::uint32_t> lengths;
  // The request expires at this time; kNever where the caller set no deadline.
  Time deadline = kNever;
  // Bytes the request holds in memory outside the core; counted against the limit on queued bytes.
  std::size_t bytes = 0;
  // Requests of different kinds never share a batch.
  std::uint32_t kind = 0;
};

// The sequences in each batch that a request was in.
using BatchSizes = absl::InlinedVector<std::uint32_t, 5>;

using IndexHook = boost::intrusive::list_member_hook<>;

struct Customer;
struct PendingRequest;

enum class SequenceState : std::uint8_t {
  kWaiting,  // in the queue
  kRunning,  // in a batch at a backend
  kDone,     // its result has come
};

struct PendingSequence {
  PendingRequest* request = nullptr;
  std::uint32_t length = 0;
  SequenceState state = SequenceState::kWaiting;
  // The sequence has a place in the batch that is being formed.
  bool selected : 1 = false;
  // A batch it was in failed: it is tried again in a batch of its own, outside the strategy's choice.
  bool alone : 1 = false;
  // Its customer has been charged for it, with the first batch it was in: whatever makes it go again costs no more.
  bool settled : 1 = false;
  std::uint8_t attempts = 0;
  // So often the connection to a backend was lost while the backend had it.
  std::uint8_t falls = 0;
  // Free for the active strategy's index.
  IndexHook strategy_hook;

  // Its place in the request.
  std::uint32_t index() const;
};

// The order of the members is that of use: in a long queue what is not read together is not fetched together. One cache
// line holds what the neighbours in an index touch, the next one and the sequences what a choice reads, and what the
// end of a request needs comes last.
struct alignas(64) PendingRequest {
  PendingRequest() = default;
  // Indexes link these by address.
  PendingRequest(const PendingRequest&) = delete;
  PendingRequest& operator=(const PendingRequest&) = delete;

  RequestId id;
  // The pending set's own links.
  IndexHook arrival_hook;
  IndexHook customer_hook;
  // Free for the active strategy: a link in an index, and its place in an order that the strategy keeps.
  IndexHook strategy_hook;
  double strategy_rank = 0;

  Customer* customer = nullptr;
  Time arrival{};
  std::uint32_t waiting = 0;  // sequences the strategy may choose
  std::uint32_t alone = 0;    // sequences that wait to be tried again alone
  std::uint32_t running = 0;
  // The longest of the waiting sequences; kept by the pending set.
  std::uint32_t longest_waiting = 0;
  // The longest of all its sequences: what the request was when it came.
  std::uint32_t longest_at_arrival = 0;
  std::uint32_t kind = 0;
  // Free for the active strategy: something that it wants to remember, such as the decision that looked at it last. 0
  // when the request comes; a strategy may find the mark of another one.
  std::uint32_t strategy_mark = 0;
  bool alive = false;     // the slot is in use
  bool finished = false;  // its outcome was given; only running parts keep it here
  absl::InlinedVector<PendingSequence, 5> sequences;

  Time deadline = kNever;
  // When it should be answered: its deadline or, if it has none, as soon as its customer's latency objective says.
  Time due = kNever;
  // What it takes of the queue while it is unfinished.
  QueueUse use;
  // What is told of it in the end.
  Time last_dispatch{};
  std::string_view last_strategy;
  BatchSizes batch_sizes;
};

inline std::uint32_t PendingSequence::index() const {
  return static_cast<std::uint32_t>(this - request->sequences.data());
}

// A strategy may choose the sequence.
inline bool MayBeChosen(const PendingSequence& sequence) {
  return sequence.state == SequenceState::kWaiting && !sequence.alone;
}

template <IndexHook PendingRequest::*hook>
using RequestList =
    boost::intrusive::list<PendingRequest, boost::intrusive::member_hook<PendingRequest, IndexHook, hook>,
                           boost::intrusive::constant_time_size<false>>;

// Sequences in an order of the active strategy's own.
using SequenceList =
    boost::intrusive::list<PendingSequence,
                           boost::intrusive::member_hook<PendingSequence, IndexHook, &PendingSequence::strategy_hook>>;

// The requests with at least one waiting sequence, oldest first.
using ArrivalList = RequestList<&PendingRequest::arrival_hook>;
// The same for one customer.
using CustomerList = RequestList<&PendingRequest::customer_hook>;

}  // namespace smartbatch::scheduling
