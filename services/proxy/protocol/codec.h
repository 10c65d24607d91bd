// The two ends of a protocol. Both are thread safe and hold no request.
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
  std::span<const std::uint32_t> batch_sizes;
};

// Between customers' messages and payloads.
class CustomerCodec {
 public:
  virtual ~CustomerCodec() = default;

  // What customers call.
  virtual const Method& method() const = 0;
  // The largest message that may be a valid request, in bytes.
  virtual double max_request_bytes() const = 0;
  // What the message holds. Otherwise answers what the caller is told, and leaves `payload` alone.
  virtual grpc::Status Read(const grpc::ByteBuffer& message, std::shared_ptr<const Payload>& payload) const = 0;
  // The answer to a request whose payload Read has made, with a result for each row in order. An error if the results
  // do not make one answer.
  virtual absl::StatusOr<grpc::ByteBuffer> Write(const Payload& payload, std::span<const RowResult> results,
                                                 const Timings& timings) const = 0;
};

// How a backend is asked whether it serves.
struct HealthQuestion {
  Method method;
  grpc::ByteBuffer message;
  // Whether the answer says that it does. INTERNAL if the answer is damaged.
  absl::StatusOr<bool> (*serves)(const grpc::ByteBuffer& answer);
};

// Between batches and backends' messages.
class BackendCodec {
 public:
  virtual ~BackendCodec() = default;

  // What backends are called with.
  virtual const Method& method() const = 0;
  virtual HealthQuestion health() const = 0;
  // The largest answer to a batch that is taken, in bytes.
  virtual int max_answer_bytes() const = 0;
  // The call for a batch of these rows, which have equal keys; at least one.
  virtual grpc::ByteBuffer Write(std::span<const RowRef> rows) const = 0;
  // A result for each of the rows, from what the backend answered with the status OK. INTERNAL if the answer is none to
  // this batch.
  virtual absl::StatusOr<BatchResults> Read(const grpc::ByteBuffer& message, std::span<const RowRef> rows) const = 0;
};

}  // namespace smartbatch::protocol
