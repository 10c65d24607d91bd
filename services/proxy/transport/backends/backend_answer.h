// What the failure of a call to a backend means. Pure functions, thread safe.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

namespace smartbatch::transport {

// The most bytes of a reply's headers and trailers, which include the text of an error. It is far more than anybody
// needs, because gRPC 1.51 ends the whole connection, with every batch on it, once a reply has more than this.
inline constexpr int kMaxReplyMetadataBytes = 1024 * 1024;

// The status with which a batch ends if its call ended with `status`, which is not OK: the same code, and the text cut
// after rpc::kMaxMessageBytes. INTERNAL if a message or metadata was too large for gRPC: gRPC calls that
// RESOURCE_EXHAUSTED, but the fault lies with this one batch or its reply, and the backend lacks nothing.
absl::Status FailureOf(const grpc::Status& status);

}  // namespace smartbatch::transport
