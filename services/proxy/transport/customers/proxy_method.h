// The method that customers call, as the proxy's server implements it.
#pragma once

#include <string>

#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/codegen/async_stream.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include "services/proxy/protocol/codec.h"

namespace smartbatch::transport {

// A unary method that differs in two ways from one of a generated service.
//
// A call is reported with its headers, as if it were a stream, and its message is read afterwards. For a unary call
// gRPC would read the message first, so a caller who sends half a message would hold memory in a call that nobody has
// seen yet. On the wire both are the same.
//
// The messages are bytes, because gRPC answers INTERNAL if it cannot parse a message itself.
class ProxyMethod final : public grpc::Service {
 public:
  using Stream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  explicit ProxyMethod(const protocol::Method& method);

  // Asks for the next call. The queue returns `tag` when one has come.
  void Request(grpc::ServerContext& context, Stream& stream, grpc::ServerCompletionQueue& queue, void* tag);

 private:
  const std::string path_;  // gRPC keeps the pointer
};

}  // namespace smartbatch::transport
