#include "services/proxy/transport/backends/backend_answer.h"

#include <absl/strings/match.h>

#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

// Returns true if a message or metadata was larger than gRPC allows, on either side. Only gRPC's text says so: our
// library makes up trailers with this status, and not even ClientContext::debug_error_string() says whether a status
// came from the backend. A backend that sends such a text itself was given a batch that is too large for it.
bool IsTooLarge(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
         (absl::StrContains(status.error_message(), "message larger than max (") ||
          absl::StrContains(status.error_message(), "metadata size exceeds"));
}

}  // namespace

absl::Status FailureOf(const grpc::Status& status) {
  if (IsTooLarge(status)) {
    return absl::InternalError("the backend's reply, or the batch, is too large: " +
                               rpc::Shortened(status.error_message(), rpc::kMaxMessageBytes));
  }
  return {static_cast<absl::StatusCode>(status.error_code()),
          rpc::Shortened(status.error_message(), rpc::kMaxMessageBytes)};
}

}  // namespace smartbatch::transport
