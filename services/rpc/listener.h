// One address that a gRPC server listens on, with what every server of the project offers there: health and reflection.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "absl/status/statusor.h"
#include "services/net/handover.h"
#include "services/rpc/connection_acceptor.h"
#include "services/rpc/connection_limits.h"

namespace smartbatch::rpc {

struct ListenerOptions {
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  ConnectionLimits limits = {};
  net::Handover handover = {};
};

// Use: make it, register services and completion queues on builder(), Start() once, then ask address(). It accepts the
// server's connections as long as it lives, or until StopAccepting(). Not thread safe. The server program must link
// smartbatch_health_proto, else reflection cannot name the health service.
class Listener {
 public:
  // `address` is host:port; port 0 asks the system for a free one. The port is not shared with any other process,
  // unless `options` say so.
  explicit Listener(std::string address, ListenerOptions options = {});
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  grpc::ServerBuilder& builder() { return *builder_; }

  // Builds and starts the server; UNAVAILABLE, naming the address, where it cannot be bound.
  absl::StatusOr<std::unique_ptr<grpc::Server>> Start();

  // host:port, after Start() with the port that was bound.
  const std::string& address() const { return address_; }

  // Before the server is shut down: new connections are refused from then on.
  void StopAccepting();
  // Connections that are open. After StopAccepting.
  std::size_t OpenConnections() { return acceptor_ ? acceptor_->OpenConnections() : 0; }

 private:
  std::string address_;
  ListenerOptions options_;
  std::unique_ptr<grpc::ServerBuilder> builder_;
  std::unique_ptr<ConnectionAcceptor> acceptor_;
};

// The host of `host:port` with another port.
std::string WithPort(const std::string& host_port, int port);

}  // namespace smartbatch::rpc
