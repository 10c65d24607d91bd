// A request of one of the protocols and its answer.
#pragma once

#include <cstddef>
#include <vector>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "services/classifier/engines/engine.h"

namespace smartbatch::classifier {

// What a call asks for, in the terms of its protocol. Read it first, and only once. Not thread safe.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Reads the rows. If the request is wrong, returns the status that says why; then nothing else may be called.
  virtual grpc::Status Read(const grpc::ByteBuffer& request) = 0;
  virtual const BatchRows& rows() const = 0;
  virtual std::size_t row_count() const = 0;
  // The length of the longest row: of texts in characters, of tokens with their padding.
  virtual std::size_t longest() const = 0;
  // The message that answers the request. Requires: an answer to each row.
  virtual grpc::ByteBuffer Write(const std::vector<Answer>& answers) const = 0;
};

}  // namespace smartbatch::classifier
