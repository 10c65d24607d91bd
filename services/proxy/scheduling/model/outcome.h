// How a request can end. Every request that is offered ends in exactly one of these: kRejected is for those that Offer
// refuses, the others are for those that it accepts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

enum class Outcome : std::uint8_t {
  kAnswered,   // every sequence has its result
  kRejected,   // refused by Offer: it was never accepted
  kExpired,    // its deadline passed while it waited or ran, or it waited and could not be answered in time any more
  kCancelled,  // its caller went away
  kBackendFailed,  // a backend failed one of its sequences, retries included
  kShutDown,       // the scheduler was closed while it waited
  kShed,           // ended while it waited, to make room for a customer that had less in the full queue
};
inline constexpr int kOutcomes = 7;

constexpr std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAnswered:
      return "answered";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kExpired:
      return "expired";
    case Outcome::kCancelled:
      return "cancelled";
    case Outcome::kBackendFailed:
      return "backend_failed";
    case Outcome::kShutDown:
      return "shut_down";
    case Outcome::kShed:
      return "shed";
  }
  return "unknown";
}

// Why Offer refused a request.
enum class RejectReason : std::uint8_t {
  kQueueFull,          // max_queued_requests
  kBytesFull,          // max_queued_bytes
  kCostFull,           // max_queued_cost
  kCustomerQueueFull,  // max_queued_requests_per_customer
  kCustomerBytesFull,  // max_queued_bytes_per_customer
  kCustomerCostFull,   // max_queued_cost_per_customer
  kNoBackend,          // every backend has been failing for unavailable_after
  kShuttingDown,       // Close was called
  kDeadlinePassed,     // the deadline was not after now
  kDeadlineTooSoon,    // no backend could meet it, if the request left in the next slot
};
inline constexpr int kRejectReasons = 10;

constexpr std::string_view Name(RejectReason reason) {
  switch (reason) {
    case RejectReason::kQueueFull:
      return "queue_full";
    case RejectReason::kBytesFull:
      return "bytes_full";
    case RejectReason::kCostFull:
      return "cost_full";
    case RejectReason::kCustomerQueueFull:
      return "customer_queue_full";
    case RejectReason::kCustomerBytesFull:
      return "customer_bytes_full";
    case RejectReason::kCustomerCostFull:
      return "customer_cost_full";
    case RejectReason::kNoBackend:
      return "no_backend";
    case RejectReason::kShuttingDown:
      return "shutting_down";
    case RejectReason::kDeadlinePassed:
      return "deadline_passed";
    case RejectReason::kDeadlineTooSoon:
      return "deadline_too_soon";
  }
  return "unknown";
}

// Why a batch left when it did.
enum class DispatchReason : std::uint8_t {
  kFull,      // no seat was free
  kSlotFree,  // a backend was free and nothing better was worth waiting for
  kHold,      // seats stayed free although it was held for a moment
  kLinger,    // seats stayed free although it lingered
  kLane,      // the oldest request went by its reserved share of the backend
  kMaxWait,   // the oldest request had waited for max_wait
  kRetry,     // one sequence, tried again alone after its batch failed
};
inline constexpr int kDispatchReasons = 7;

constexpr std::string_view Name(DispatchReason reason) {
  switch (reason) {
    case DispatchReason::kFull:
      return "full";
    case DispatchReason::kSlotFree:
      return "slot_free";
    case DispatchReason::kHold:
      return "hold";
    case DispatchReason::kLinger:
      return "linger";
    case DispatchReason::kLane:
      return "lane";
    case DispatchReason::kMaxWait:
      return "max_wait";
    case DispatchReason::kRetry:
      return "retry";
  }
  return "unknown";
}

// The end of one accepted request, with what happened to it on the way.
struct Finished {
  RequestId id;
  Outcome outcome = Outcome::kAnswered;
  // With kExpired: it was given up before the deadline, or the objective of its customer, since it could not be met any
  // more.
  bool hopeless = false;
  // With kBackendFailed, the backend's status; else OK.
  absl::Status backend_status;
  std::string customer;
  Time arrival{};
  // The dispatch of its last part, and the strategy that chose it; nothing where no part was ever dispatched.
  std::optional<Time> last_dispatch;
  std::string_view strategy;
  Time finish{};
  // When it should have been answered; kNever if nobody said so.
  Time due = kNever;
  // What it takes in a batch of its own, by what is believed of the backends when it ends.
  double alone_seconds = 0;
  // For each of its sequences in order of completion, batches counted once: the sequences in that batch.
  BatchSizes batch_sizes;
  // With kShed: when it should find room again (Rejection::retry_after).
  Duration retry_after{};
};

}  // namespace smartbatch::scheduling
