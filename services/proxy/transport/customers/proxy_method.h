// The method that customers call, as the proxy's server takes it.
#pragma once

#include <string>

#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/codegen/async_stream.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include "services/proxy/protocol/codec.h"

namespace smartbatch::transport {

// A unary method with two differences from what a generated service makes of it.
//
// A call is handed over with its headers, as if it were a stream, and its message is read afterwards. gRPC reads the
// message of a unary call by itself first, so that a caller who sends half of one holds memory in a call that nobody
// has seen yet. On the wire both are the same.
//
// The messages are bytes, because gRPC answers INTERNAL if it cannot parse one itself.
class ProxyMethod final : public grpc::Service {
 public:
  using Stream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  explicit ProxyMethod(const protocol::Method& method);

  // Asks for the next call; `tag` comes from the queue when there is one.
  void Request(grpc::ServerContext& context, Stream& stream, grpc::ServerCompletionQueue& queue, void* tag);

 private:
  const std::string path_;  // gRPC keeps the pointer
};

}  // namespace smartbatch::transport
