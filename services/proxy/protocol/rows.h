// What the proxy carries between customers and backends, as the runtime knows it: rows of payloads to a backend, and
// rows of its answer back. Only a protocol (codec.h) knows their contents.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/time.h"

namespace smartbatch::protocol {

// The content of one request: a number of rows, each of which is scheduled by itself. Immutable once made, so that the
// batches that carry its rows can share it.
class Payload {
 public:
  virtual ~Payload() = default;

  // The model that it is for, one that the proxy serves; empty for the default one.
  virtual const std::string& model() const = 0;
  // The length of each row, as it is scheduled by; at least one row, no length is 0.
  virtual std::span<const std::uint32_t> lengths() const = 0;
  // Rows may share a batch only if the keys of their payloads are equal. Empty in protocols in which all may.
  virtual const std::string& batch_key() const = 0;
  // How long after its arrival the answer is of use, as the message says; above 0, Duration::max() if it says nothing.
  virtual Duration timeout() const { return Duration::max(); }
  // About how much memory it takes, in bytes.
  virtual std::size_t bytes() const = 0;
};

// One row of a request.
struct RowRef {
  std::shared_ptr<const Payload> payload;
  std::uint32_t row = 0;
};

// A backend's answer to a batch, in the protocol's own type. Immutable; the requests with rows in it share it.
class BatchAnswer {
 public:
  virtual ~BatchAnswer() = default;
};

// A backend's answer to one row.
struct RowResult {
  std::shared_ptr<const BatchAnswer> answer;
  std::uint32_t row = 0;
};

// One result for each row of a batch, in the batch's order.
using BatchResults = std::vector<RowResult>;

}  // namespace smartbatch::protocol
