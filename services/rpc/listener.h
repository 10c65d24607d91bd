// One address that a gRPC server listens on, with what every server of the project offers: health and reflection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "absl/status/status.h"
#include "common/time.h"
#include "services/net/handover.h"
#include "services/rpc/call_queue.h"
#include "services/rpc/connection_acceptor.h"
#include "services/rpc/connection_limits.h"
#include "services/rpc/health_service.h"
#include "services/rpc/reflection_service.h"

namespace smartbatch::rpc {

struct ListenerOptions {
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  ConnectionLimits limits = {};
  net::Handover handover = {};
};

// A gRPC server on one address. Use: construct it, Add() services, Start() once, then ask for address() and server().
// Call ShutDown() before destroying what answers the calls. All calls must have ended before the listener is destroyed,
// and the listener must be destroyed before the queue. Not thread safe, except health().
class Listener {
 public:
  // `address` is host:port; port 0 asks the system for a free one. The port is shared with another process only if
  // `options` say so. The server's asynchronous calls come from the queue.
  Listener(std::string address, CallQueue& queue, ListenerOptions options = {});
  // With a queue and a thread of its own: for servers that need not be fast.
  explicit Listener(std::string address, ListenerOptions options = {});
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  grpc::ServerBuilder& builder() { return *builder_; }
  // Adds a service to the server. `name` is its full name; health checks report it as serving from now on. The service
  // must outlive the server.
  void Add(grpc::Service& service, const std::string& name);
  // The service that answers health checks.
  HealthService& health() { return health_; }

  // Builds and starts the server. UNAVAILABLE, naming the address, if it cannot be bound.
  absl::Status Start();
  // Requires: Start succeeded.
  grpc::Server& server() { return *server_; }

  // host:port; after Start() with the port that was bound.
  const std::string& address() const { return address_; }

  // Refuses new connections from now on.
  void StopAccepting();
  // Ends the server. Open calls have `grace` to end, and are then cancelled. Returns when all calls of health and
  // reflection have ended; calls of the added services may still be ending. May be repeated. Does nothing before Start.
  void ShutDown(Duration grace = Duration::zero());
  // How many connections are open. Call it after StopAccepting.
  std::size_t OpenConnections() { return acceptor_ ? acceptor_->OpenConnections() : 0; }

 private:
  void Prepare();

  std::string address_;
  ListenerOptions options_;
  std::unique_ptr<CallQueue> own_queue_;
  CallQueue& queue_;
  std::vector<std::string> services_;
  HealthService health_;
  ReflectionService reflection_;
  std::unique_ptr<grpc::ServerBuilder> builder_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ConnectionAcceptor> acceptor_;
};

// Returns the host of `host:port` with another port.
std::string WithPort(const std::string& host_port, int port);

}  // namespace smartbatch::rpc
