#include "services/proxy/transport/customers/proxy_method.h"

#include <memory>

#include <grpcpp/impl/codegen/rpc_service_method.h>

namespace smartbatch::transport {

ProxyMethod::ProxyMethod(const protocol::Method& method) : path_(method.path()) {
  using grpc::internal::RpcMethod;
  using grpc::internal::RpcServiceMethod;
  auto bytes = std::make_unique<RpcServiceMethod>(path_.c_str(), RpcMethod::BIDI_STREAMING, nullptr);
  AddMethod(bytes.release());  // which takes ownership
  MarkMethodAsync(0);
}

void ProxyMethod::Request(grpc::ServerContext& context, Stream& stream, grpc::ServerCompletionQueue& queue, void* tag) {
  RequestAsyncBidiStreaming(0, &context, &stream, &queue, &queue, tag);
}

}  // namespace smartbatch::transport
