// A request as the scheduling core knows it: its customer, the lengths of its sequences, and the state of each. The
// text itself never comes here.
//
// Not thread safe, like everything in this folder: one owner makes all calls, and hands in the time.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include <absl/container/inlined_vector.h>
#include <boost/intrusive/list.hpp>

#include "common/time.h"
#include "services/proxy/scheduling/model/dispatch_reason.h"
#include "services/proxy/scheduling/model/queue_limits.h"

namespace smartbatch::scheduling {

// Identifies a request from Offer until its outcome is given. `number` counts the offers and is never used twice; it
// is also the order of arrival. `slot` is the request's place in the pending set: below the largest number of
// requests ever alive at once, and reused, so a caller can keep its own data about requests in an array.
struct RequestId {
  std::uint64_t number = 0;
  std::uint32_t slot = 0;
  friend auto operator<=>(const RequestId&, const RequestId&) = default;
};

// Sequences longer than this many characters cannot be scheduled (the length index has three levels of 64).
inline constexpr std::uint32_t kLongestSequence = (1U << 18) - 1;

// The most sequences in a request. A request with more sequences than a batch has seats leaves in several batches. The
// limit bounds the time of a decision, which is linear in the sequences of the requests that it looks at.
inline constexpr std::uint32_t kMostSequences = 4096;

// A request as it is offered to the scheduler.
struct Arrival {
  std::string_view customer;
  // One length in characters for each sequence: 1 to kMostSequences lengths of 1 to max_sequence_length.
  std::span<const std::uint32_t> lengths;
  // The request expires at this time; kNever if the caller set no deadline.
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
  kDone,     // it has its result
};

struct PendingSequence {
  PendingRequest* request = nullptr;
  std::uint32_t length = 0;
  SequenceState state = SequenceState::kWaiting;
  // The sequence has a place in the batch that is being formed.
  bool selected : 1 = false;
  // A batch that held it failed: it is tried again in a batch of its own, outside the strategy's choice.
  bool alone : 1 = false;
  // Its customer has been charged for it, with its first batch: being sent again costs nothing more.
  bool settled : 1 = false;
  std::uint8_t attempts = 0;
  // How often the connection to a backend was lost while the backend had it.
  std::uint8_t falls = 0;
  // For the active strategy's own index.
  IndexHook strategy_hook;

  // Its index in the request.
  std::uint32_t index() const;
};

// The members are ordered by use: in a long queue every cache line is fetched from memory. The first line holds what
// the neighbours in an index touch, the next one and the sequences hold what a choice reads, and what the end of a
// request needs comes last.
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
  // The longest of all its sequences, as the request came.
  std::uint32_t longest_at_arrival = 0;
  std::uint32_t kind = 0;
  // Free for the active strategy: something that it wants to remember, such as the decision that looked at it last. 0
  // when the request comes; a strategy may find the mark of another one.
  std::uint32_t strategy_mark = 0;
  bool alive = false;     // the slot is in use
  bool finished = false;  // its outcome was given; only running parts keep it here
  // Of its last dispatch. It is told in the end, and stands here since it needs no room here.
  DispatchReason last_reason = DispatchReason::kSlotFree;
  absl::InlinedVector<PendingSequence, 5> sequences;

  Time deadline = kNever;
  // When it should be answered: its deadline or, if it has none, its arrival plus its customer's latency objective.
  Time due = kNever;
  // How much of the queue it takes while it is unfinished.
  QueueUse use;
  // Reported at its end.
  Time last_dispatch{};
  std::string_view last_strategy;
  BatchSizes batch_sizes;
};

inline std::uint32_t PendingSequence::index() const {
  return static_cast<std::uint32_t>(this - request->sequences.data());
}

// Returns true if a strategy may choose the sequence.
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
