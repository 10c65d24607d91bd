#include "services/proxy/transport/customers/proxy_method.h"

#include <memory>
#include <string>

#include <grpcpp/impl/codegen/rpc_service_method.h>

#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::transport {
namespace {

// gRPC keeps the pointer.
const std::string& Path() {
  static const std::string path = std::string("/") + proxy::v1::ProxyService::service_full_name() + "/ProxyClassify";
  return path;
}

}  // namespace

ProxyMethod::ProxyMethod() {
  using grpc::internal::RpcMethod;
  using grpc::internal::RpcServiceMethod;
  auto method = std::make_unique<RpcServiceMethod>(Path().c_str(), RpcMethod::BIDI_STREAMING, nullptr);
  AddMethod(method.release());  // which takes ownership
  MarkMethodAsync(0);
}

void ProxyMethod::Request(grpc::ServerContext& context, Stream& stream, grpc::ServerCompletionQueue& queue, void* tag) {
  RequestAsyncBidiStreaming(0, &context, &stream, &queue, &queue, tag);
}

}  // namespace smartbatch::transport
