// The check of a request's sequences, the same in every service that takes sequences. Pure, thread safe.
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

// `field` is the field of the request that has the sequences. Sets `lengths` to the length of each sequence, in
// characters. Returns INVALID_ARGUMENT, with a BadRequest that names every wrong field (such as `sequences[2]`), if
// there is no sequence or too many, or if one is empty, too long or not valid UTF-8. `lengths` must not be used then.
grpc::Status CheckSequences(const google::protobuf::RepeatedPtrField<std::string>& sequences,
                            const SequenceLimits& limits, std::vector<std::size_t>& lengths,
                            const std::string& field = "sequences");

}  // namespace smartbatch::rpc
