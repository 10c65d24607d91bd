// Messages of the servers' raw methods. The servers take the request as bytes (the generated WithRawMethod_ and
// WithRawCallbackMethod_ variants), because gRPC answers INTERNAL if it cannot parse a request itself. A malformed
// request is the caller's fault and must be answered with INVALID_ARGUMENT. Thread safe.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

namespace smartbatch::rpc {

// Parses the bytes into `message`. If that fails, returns INVALID_ARGUMENT with a BadRequest that names the string
// field that is not valid UTF-8 (such as `sequences[2]`), or says that the bytes are not a message of this type.
grpc::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message);

// Serializes the message. Its string fields must be valid UTF-8.
grpc::ByteBuffer SerializeMessage(const google::protobuf::Message& message);

}  // namespace smartbatch::rpc
