#include "services/rpc/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <utility>

#include <grpcpp/resource_quota.h>

#include "absl/status/status.h"

namespace smartbatch::rpc {
namespace {

// The duration as an argument for gRPC. Zero means never.
int Milliseconds(Duration duration) {
  constexpr int kNeverMs = std::numeric_limits<int>::max();
  if (duration == Duration::zero()) return kNeverMs;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::clamp<long long>(milliseconds, 1, kNeverMs));
}

void Apply(const ConnectionLimits& limits, grpc::ServerBuilder& builder) {
  const auto set = [&builder](const char* argument, int value) { builder.AddChannelArgument(argument, value); };
  set(GRPC_ARG_ENABLE_CHANNELZ, 0);  // no service here shows what it counts
  set(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(limits.max_metadata_bytes));
  set(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(limits.max_concurrent_calls));
  set(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(limits.max_age));
  set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Milliseconds(limits.max_age_grace));
  set(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Milliseconds(limits.max_idle));
  set(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Milliseconds(limits.handshake_timeout));
  set(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits.probe_after));
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(limits.probe_timeout));
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, Milliseconds(limits.min_ping_interval));
  if (limits.max_receive_bytes == 0) return;
  grpc::ResourceQuota quota;
  quota.Resize(limits.max_receive_bytes);
  builder.SetResourceQuota(quota);
}

// A few compressed bytes may expand to a gigabyte, and gRPC expands a message before it checks its length against the
// limit. So no message is expanded, and a message marked as compressed is refused with UNIMPLEMENTED.
void RefuseCompression(grpc::ServerBuilder& builder) {
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
}

}  // namespace

Listener::Listener(std::string address, CallQueue& queue, ListenerOptions options)
    : address_(std::move(address)),
      options_(std::move(options)),
      queue_(queue),
      builder_(std::make_unique<grpc::ServerBuilder>()) {
  Prepare();
}

Listener::Listener(std::string address, ListenerOptions options)
    : address_(std::move(address)),
      options_(std::move(options)),
      own_queue_(std::make_unique<CallQueue>(1)),
      queue_(*own_queue_),
      builder_(std::make_unique<grpc::ServerBuilder>()) {
  Prepare();
}

void Listener::Prepare() {
  queue_.Join(*builder_);
  Apply(options_.limits, *builder_);
  RefuseCompression(*builder_);
  health_.RegisterWith(*builder_);
  reflection_.RegisterWith(*builder_);
  services_ = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"};
}

void Listener::Add(grpc::Service& service, const std::string& name) {
  builder_->RegisterService(&service);
  services_.push_back(name);
  health_.SetServing(name, true);
}

Listener::~Listener() { ShutDown(); }

absl::Status Listener::Start() {
  auto acceptor = ConnectionAcceptor::Listen(address_, options_.limits.max_connections, options_.handover);
  if (!acceptor.ok()) return acceptor.status();
  using Builder = grpc::ServerBuilder::experimental_type;
  std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> connections =
      builder_->experimental().AddExternalConnectionAcceptor(Builder::ExternalConnectionType::FROM_FD,
                                                             options_.credentials);
  server_ = builder_->BuildAndStart();
  if (server_ == nullptr) return absl::UnavailableError("cannot serve on " + address_ + ": the reason is in the log");
  health_.Serve(queue_.queue());
  reflection_.Serve(queue_.queue(), services_);
  acceptor_ = *std::move(acceptor);
  address_ = WithPort(address_, acceptor_->port());
  // As gRPC does for connections that it accepts itself: data that was sent is given no more time to be acknowledged
  // than a probe.
  const int timeout_ms = Milliseconds(options_.limits.probe_timeout);
  acceptor_->Start([connections = std::move(connections), timeout_ms](int socket) {
    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = socket;
    connections->HandleNewConnection(&connection);
  });
  return absl::OkStatus();
}

void Listener::StopAccepting() {
  if (acceptor_) acceptor_->Stop();
}

void Listener::ShutDown(Duration grace) {
  StopAccepting();
  if (!server_) return;
  using std::chrono::system_clock;
  server_->Shutdown(system_clock::now() + std::chrono::duration_cast<system_clock::duration>(grace));
  health_.WaitForCalls();
  reflection_.WaitForCalls();
}

std::string WithPort(const std::string& host_port, int port) {
  return host_port.substr(0, host_port.rfind(':')) + ":" + std::to_string(port);
}

}  // namespace smartbatch::rpc
