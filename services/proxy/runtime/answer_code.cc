#include "services/proxy/runtime/answer_code.h"

namespace smartbatch::runtime {

using scheduling::Outcome;
using scheduling::RejectReason;

absl::StatusCode CodeOf(RejectReason reason) {
  switch (reason) {
    case RejectReason::kQueueFull:
    case RejectReason::kBytesFull:
    case RejectReason::kCostFull:
    case RejectReason::kCustomerQueueFull:
    case RejectReason::kCustomerBytesFull:
    case RejectReason::kCustomerCostFull:
      return absl::StatusCode::kResourceExhausted;
    case RejectReason::kNoBackend:
    case RejectReason::kShuttingDown:
      return absl::StatusCode::kUnavailable;
    case RejectReason::kDeadlinePassed:
    case RejectReason::kDeadlineTooSoon:
      return absl::StatusCode::kDeadlineExceeded;
  }
  return absl::StatusCode::kUnknown;
}

absl::StatusCode CodeOf(Outcome outcome, const absl::Status& backend_status) {
  switch (outcome) {
    case Outcome::kAnswered:
      return absl::StatusCode::kOk;
    case Outcome::kRejected:
      return absl::StatusCode::kUnknown;
    case Outcome::kExpired:
      return absl::StatusCode::kDeadlineExceeded;
    case Outcome::kCancelled:
      return absl::StatusCode::kCancelled;
    case Outcome::kBackendFailed: {
      const bool is_about_the_proxy =
          absl::IsUnauthenticated(backend_status) || absl::IsPermissionDenied(backend_status);
      return is_about_the_proxy ? absl::StatusCode::kInternal : backend_status.code();
    }
    case Outcome::kShed:
      return absl::StatusCode::kResourceExhausted;
    case Outcome::kShutDown:
      return absl::StatusCode::kUnavailable;
  }
  return absl::StatusCode::kUnknown;
}

}  // namespace smartbatch::runtime
