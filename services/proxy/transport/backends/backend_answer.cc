#include "services/proxy/transport/backends/backend_answer.h"

#include <algorithm>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

// Whether a message or metadata was larger than gRPC allows, on either side. gRPC tells it in no other way than by the
// text: our library makes up trailers with this status, and not even ClientContext::debug_error_string() says whether a
// status came from the backend. A backend that sends such a text itself has got a batch that is too large for it.
bool IsTooLarge(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
         (absl::StrContains(status.error_message(), "message larger than max (") ||
          absl::StrContains(status.error_message(), "metadata size exceeds"));
}

absl::Status BreaksTheContract(const std::string& how) {
  return absl::InternalError(absl::StrCat("the backend's reply is no answer to the batch: ", how));
}

}  // namespace

int MaxReplyBytes(std::uint32_t max_batch_size) {
  constexpr int kAtLeast = 4 * 1024 * 1024;
  constexpr int kBytesOfOneResult = 16 * 1024;
  return std::max(kAtLeast, static_cast<int>(max_batch_size) * kBytesOfOneResult);
}

absl::StatusOr<runtime::BatchResults> ResultsOf(classifier::v1::ClassifyResponse& reply, std::size_t sequences) {
  if (static_cast<std::size_t>(reply.results_size()) != sequences) {
    return BreaksTheContract(absl::StrCat(reply.results_size(), " results to ", sequences, " sequences"));
  }
  runtime::BatchResults results;
  results.reserve(sequences);
  for (auto& result : *reply.mutable_results()) {
    const double confidence = result.confidence();
    const bool is_from_0_to_1 = confidence >= 0 && confidence <= 1;  // false for a NaN
    if (!is_from_0_to_1) {
      return BreaksTheContract(
          absl::StrCat("confidence ", confidence, " of result ", results.size(), "; it must be from 0 to 1"));
    }
    if (result.label().empty()) {
      return BreaksTheContract(absl::StrCat("the label of result ", results.size(), " is empty"));
    }
    results.push_back({std::move(*result.mutable_label()), confidence});
  }
  return results;
}

absl::Status FailureOf(const grpc::Status& status) {
  if (IsTooLarge(status)) {
    return absl::InternalError("the backend's reply, or the batch, is too large: " +
                               rpc::Shortened(status.error_message(), rpc::kMaxMessageBytes));
  }
  return {static_cast<absl::StatusCode>(status.error_code()),
          rpc::Shortened(status.error_message(), rpc::kMaxMessageBytes)};
}

}  // namespace smartbatch::transport
