// The ways in which a request can end. Every offered request ends in exactly one of them: kRejected if Offer refuses
// it, one of the others if it accepts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "common/time.h"
#include "services/proxy/scheduling/model/dispatch_reason.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

enum class Outcome : std::uint8_t {
  kAnswered,       // every sequence has its result
  kRejected,       // refused by Offer: it was never accepted
  kExpired,        // its deadline passed while it waited or ran, or it waited and could no longer be answered in time
  kCancelled,      // its caller went away
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

// The end of one accepted request, with what happened to it on the way.
struct Finished {
  RequestId id;
  Outcome outcome = Outcome::kAnswered;
  // With kExpired: it was given up before its deadline, or its customer's objective, which could no longer be met.
  bool hopeless = false;
  // With kBackendFailed, the backend's status; otherwise OK.
  absl::Status backend_status;
  std::string customer;
  Time arrival{};
  // The dispatch of its last part, the strategy that chose it, and why that batch left when it did; no time, and a
  // reason without a meaning, if no part was ever dispatched.
  std::optional<Time> last_dispatch;
  std::string_view strategy;
  DispatchReason reason = DispatchReason::kSlotFree;
  Time finish{};
  // When it should have been answered; kNever if there is no deadline and no objective.
  Time due = kNever;
  // The time that it takes in a batch of its own, or in several if it has more sequences than a batch has seats: by
  // what is believed about the backends when it ends.
  double alone_seconds = 0;
  // The number of sequences in each batch that it was in, in the order of completion; each batch counts once.
  BatchSizes batch_sizes;
  // With kShed: when it should find room again (Rejection::retry_after).
  Duration retry_after{};
};

}  // namespace smartbatch::scheduling
