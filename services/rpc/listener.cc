#include "services/rpc/listener.h"

#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include "absl/status/status.h"

namespace smartbatch::rpc {

Listener::Listener(std::string address, std::shared_ptr<grpc::ServerCredentials> credentials)
    : address_(std::move(address)) {
  // Both are settings of the process that a builder reads when it is made; to set them again changes nothing.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  builder_ = std::make_unique<grpc::ServerBuilder>();
  // With SO_REUSEPORT a server that was forgotten would take a part of the calls in silence.
  builder_->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder_->AddListeningPort(address_, std::move(credentials), &bound_port_);
}

Listener::~Listener() = default;

absl::StatusOr<std::unique_ptr<grpc::Server>> Listener::Start() {
  auto server = builder_->BuildAndStart();
  if (server == nullptr || bound_port_ == 0) {
    return absl::UnavailableError("cannot listen on " + address_ +
                                  ": the port is taken or the host is not of this machine; choose another host:port");
  }
  address_ = WithPort(address_, bound_port_);
  return server;
}

std::string WithPort(const std::string& host_port, int port) {
  return host_port.substr(0, host_port.rfind(':')) + ":" + std::to_string(port);
}

}  // namespace smartbatch::rpc
