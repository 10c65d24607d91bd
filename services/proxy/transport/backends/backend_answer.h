// What a backend's reply to a batch is worth. Pure functions, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/support/status.h>

#include "services/proxy/runtime/backend.h"
#include "smartbatch/classifier/v1/classifier.pb.h"

namespace smartbatch::transport {

// Bytes of a reply to a batch of at most that many sequences: the larger of 4 MiB and 16 KiB a sequence, as
// classifier.proto says.
int MaxReplyBytes(std::uint32_t max_batch_size);

// Bytes of a reply's headers and trailers, the text of an error among them. Far more than anybody needs, because gRPC
// 1.51 ends the whole connection, and every batch on it, once a reply has more than this.
inline constexpr int kMaxReplyMetadataBytes = 1024 * 1024;

// The results of a reply that came with the status OK. INTERNAL if it breaks the contract in classifier.proto: the
// number of results is not that of the sequences, a label is empty, or a confidence is not from 0 to 1. Moves the
// labels out of the reply.
absl::StatusOr<runtime::BatchResults> ResultsOf(classifier::v1::ClassifyResponse& reply, std::size_t sequences);

// What a batch ends with if its call ended with that status, which is not OK: the same code, and the text cut after
// rpc::kMaxMessageBytes. INTERNAL if a message or metadata was too large for gRPC: gRPC calls that RESOURCE_EXHAUSTED,
// but it is a fault of this one batch or its reply, and the backend is short of nothing.
absl::Status FailureOf(const grpc::Status& status);

}  // namespace smartbatch::transport
