// What the proxy carries between customers and backends, as the runtime knows it: rows of payloads to a backend, and
// rows of its answer back. What is in them is the affair of a protocol (codec.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace smartbatch::protocol {

// The content of one request: a number of rows, each of which is scheduled by itself. Immutable once it is made, so
// that the batches that carry its rows share it.
class Payload {
 public:
  virtual ~Payload() = default;

  // The model that it is for, one that the proxy serves; empty for the default one.
  virtual const std::string& model() const = 0;
  // The length of each row, as it is scheduled by; at least one row, no length is 0.
  virtual std::span<const std::uint32_t> lengths() const = 0;
  // Rows may share a batch only if the keys of their payloads are equal. Empty in protocols in which all may.
  virtual const std::string& batch_key() const = 0;
  // What it takes in memory, about.
  virtual std::size_t bytes() const = 0;
};

// One row of a request.
struct RowRef {
  std::shared_ptr<const Payload> payload;
  std::uint32_t row = 0;
};

// A backend's answer to a batch, of the protocol's own type. Immutable; the requests that have rows in it share it.
class BatchAnswer {
 public:
  virtual ~BatchAnswer() = default;
};

// What a backend answered to one row.
struct RowResult {
  std::shared_ptr<const BatchAnswer> answer;
  std::uint32_t row = 0;
};

// One for each row of a batch, in its order.
using BatchResults = std::vector<RowResult>;

}  // namespace smartbatch::protocol
