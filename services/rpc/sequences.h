// The check of the sequences of a request, the same in every service that takes some. Pure, thread safe.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>
#include <grpcpp/support/status.h>

namespace smartbatch::rpc {

struct SequenceLimits {
  std::size_t max_sequences = 5;         // in one request, at least 1
  std::size_t max_characters = 100'000;  // in one sequence, at least 1; characters are Unicode code points
};

// Leaves the length of each sequence, in characters, in `lengths`. Answers INVALID_ARGUMENT, with a BadRequest that
// names every field at fault (such as `sequences[2]`), where there is no sequence or too many, or where one is empty,
// too long or not valid UTF-8; `lengths` is then not to be used.
grpc::Status CheckSequences(const google::protobuf::RepeatedPtrField<std::string>& sequences,
                            const SequenceLimits& limits, std::vector<std::size_t>& lengths);

}  // namespace smartbatch::rpc
