// The codecs for the two ends of a protocol. Both are thread safe and keep no request.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "common/time.h"
#include "services/proxy/protocol/rows.h"

namespace smartbatch::protocol {

// A method of gRPC.
struct Method {
  std::string service;  // its full name
  std::string name;
  std::string path() const { return "/" + service + "/" + name; }
};

// What happened to a request on its way.
struct Timings {
  Duration latency{};
  Duration queued{};
  Duration in_service{};
  std::string_view strategy;
  std::string_view dispatch_reason;
  std::span<const std::uint32_t> batch_sizes;
};

// Translates between customers' messages and payloads.
class CustomerCodec {
 public:
  virtual ~CustomerCodec() = default;

  // The method that customers call.
  virtual const Method& method() const = 0;
  // The largest message that may be a valid request, in bytes.
  virtual double max_request_bytes() const = 0;
  // Sets `payload` to the content of the message. If the message is wrong, returns the status for the caller and leaves
  // `payload` as it is.
  virtual grpc::Status Read(const grpc::ByteBuffer& message, std::shared_ptr<const Payload>& payload) const = 0;
  // The answer to a request whose payload Read has made, from a result for each row, in order. Returns an error if the
  // results do not fit together.
  virtual absl::StatusOr<grpc::ByteBuffer> Write(const Payload& payload, std::span<const RowResult> results,
                                                 const Timings& timings) const = 0;
};

// How a backend is asked whether it serves.
struct HealthQuestion {
  Method method;
  grpc::ByteBuffer message;
  // Returns true if the answer says that the backend serves; INTERNAL if the answer is damaged.
  absl::StatusOr<bool> (*serves)(const grpc::ByteBuffer& answer);
};

// Translates between batches and backends' messages.
class BackendCodec {
 public:
  virtual ~BackendCodec() = default;

  // The method that is called on backends.
  virtual const Method& method() const = 0;
  virtual HealthQuestion health() const = 0;
  // The largest answer to a batch that is accepted, in bytes.
  virtual int max_answer_bytes() const = 0;
  // The message for a batch of these rows: at least one row, all with equal keys.
  virtual grpc::ByteBuffer Write(std::span<const RowRef> rows) const = 0;
  // A result for each of the rows, from what the backend answered with the status OK. INTERNAL if the message does not
  // answer this batch.
  virtual absl::StatusOr<BatchResults> Read(const grpc::ByteBuffer& message, std::span<const RowRef> rows) const = 0;
};

}  // namespace smartbatch::protocol
