// What the failure of a call to a backend means. Pure functions, thread safe.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

namespace smartbatch::transport {

// Bytes of a reply's headers and trailers, the text of an error among them. Far more than anybody needs, because gRPC
// 1.51 ends the whole connection, and every batch on it, once a reply has more than this.
inline constexpr int kMaxReplyMetadataBytes = 1024 * 1024;

// What a batch ends with if its call ended with that status, which is not OK: the same code, and the text cut after
// rpc::kMaxMessageBytes. INTERNAL if a message or metadata was too large for gRPC: gRPC calls that RESOURCE_EXHAUSTED,
// but it is a fault of this one batch or its reply, and the backend is short of nothing.
absl::Status FailureOf(const grpc::Status& status);

}  // namespace smartbatch::transport
