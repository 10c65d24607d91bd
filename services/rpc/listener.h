// One address that a gRPC server listens on, with what every server of the project offers there: health and reflection.
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

// Use: make it, Add() services, Start() once, then ask address() and server(). ShutDown() before what answers the calls
// goes: its calls have to end before this is destroyed, as has the queue. Not thread safe but for health().
class Listener {
 public:
  // `address` is host:port; port 0 asks the system for a free one. The port is not shared with any other process,
  // unless `options` say so. The server's asynchronous calls come from the queue.
  Listener(std::string address, CallQueue& queue, ListenerOptions options = {});
  // With a queue and a thread of its own: for servers that need no speed.
  explicit Listener(std::string address, ListenerOptions options = {});
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  grpc::ServerBuilder& builder() { return *builder_; }
  // The server has this service too, of that full name, which health checks say to be serving from now on. It must
  // outlive the server.
  void Add(grpc::Service& service, const std::string& name);
  // What health checks are told.
  HealthService& health() { return health_; }

  // Builds and starts the server; UNAVAILABLE, naming the address, where it cannot be bound.
  absl::Status Start();
  // After Start.
  grpc::Server& server() { return *server_; }

  // host:port, after Start() with the port that was bound.
  const std::string& address() const { return address_; }

  // New connections are refused from then on.
  void StopAccepting();
  // Ends the server: calls that are there have that long, and are cancelled then. Returns when those of health and
  // reflection have gone; those of the services may be about to. May be repeated, and before Start does nothing.
  void ShutDown(Duration grace = Duration::zero());
  // Connections that are open. After StopAccepting.
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

// The host of `host:port` with another port.
std::string WithPort(const std::string& host_port, int port);

}  // namespace smartbatch::rpc
