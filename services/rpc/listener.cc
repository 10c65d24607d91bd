#include "services/rpc/listener.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>

#include "absl/status/status.h"

namespace smartbatch::rpc {
namespace {

// Zero stands for never.
int Milliseconds(Duration duration) {
  constexpr int kNeverMs = std::numeric_limits<int>::max();
  if (duration == Duration::zero()) return kNeverMs;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<long long>(milliseconds, 1, kNeverMs));
}

void Apply(const ConnectionLimits& limits, grpc::ServerBuilder& builder) {
  const auto set = [&builder](const char* argument, int value) { builder.AddChannelArgument(argument, value); };
  set(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(limits.max_metadata_bytes));
  set(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(limits.max_concurrent_calls));
  set(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(limits.max_age));
  set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Milliseconds(limits.max_age_grace));
  set(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(limits.max_idle));
  set(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(limits.handshake_timeout));
  set(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits.probe_after));
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(limits.probe_timeout));
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, Milliseconds(limits.min_ping_interval));
}

}  // namespace

Listener::Listener(std::string address, ListenerOptions options) : address_(std::move(address)) {
  // Both are settings of the process that a builder reads when it is made; to set them again changes nothing.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  builder_ = std::make_unique<grpc::ServerBuilder>();
  // With SO_REUSEPORT a server that was forgotten would take a part of the calls in silence.
  builder_->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  Apply(options.limits, *builder_);
  builder_->AddListeningPort(address_, std::move(options.credentials), &bound_port_);
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
