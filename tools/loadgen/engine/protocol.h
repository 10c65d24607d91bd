// What the load generator says to a server, and what it hears, in one of the protocols that it speaks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/status/statusor.h"
#include "common/time.h"
#include "tools/loadgen/engine/channel.h"

namespace smartbatch::loadgen {

// What a server says of the way that a request went; zero and empty where it says nothing.
struct ServerTimings {
  double latency_ms = 0;
  double queue_ms = 0;
  double service_ms = 0;
  // For each batch that carried a part of the request, how many sequences it had; maybe of the first batches only.
  std::vector<std::uint32_t> batch_sizes = {};
  // The strategy that dispatched it.
  std::string strategy = {};
  // The number of those batches.
  std::uint32_t batches = 0;
};

using Trailers = std::multimap<grpc::string_ref, grpc::string_ref>;

// Immutable, so thread safe.
class Protocol {
 public:
  Protocol() = default;
  virtual ~Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;

  // The call, as gRPC writes it: /package.Service/Method.
  virtual const std::string& method() const = 0;
  // A request of these sequences: at least one, each of at least one character of UTF-8.
  virtual grpc::ByteBuffer Request(const std::vector<std::string>& sequences) const = 0;
  // INTERNAL if the answer is damaged, or has not exactly one result for each of so many sequences.
  virtual absl::StatusOr<ServerTimings> Read(const grpc::ByteBuffer& answer, const Trailers& trailers,
                                             std::size_t sequences) const = 0;
};

// smartbatch.proxy.v1.ProxyService with that model, which is the default one if the name is empty.
std::unique_ptr<const Protocol> SpeakClassify(const std::string& model);

// The Open Inference Protocol with the server's model of that name, which must take text (one input BYTES, [n,1] or
// [n]) or token ids (inputs of integers, [n,-1]). A token stands for each character then: inputs named like a mask are
// 1 for a token and 0 for padding, inputs named like a type or a segment are 0. Asks the server for the model's inputs
// over `channel`, for `patience` at most. What the server answers, with its code; FAILED_PRECONDITION if the model
// takes something else or the server does not say what it takes.
absl::StatusOr<std::unique_ptr<const Protocol>> SpeakOpenInference(const std::string& model, const Server& server,
                                                                   const std::shared_ptr<grpc::Channel>& channel,
                                                                   Duration patience);

}  // namespace smartbatch::loadgen
