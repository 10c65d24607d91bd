// Accepts the connections of a server, up to a bound.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "services/net/handover.h"

namespace smartbatch::rpc {

// Accepts connections and hands them to gRPC: at most max_connections at once, and never with the last descriptors of
// the process, which connections to backends, files and metrics need. A connection beyond that is closed at once. gRPC
// 1.51 does not bound its connections, and stops accepting for good as soon as the process runs out of descriptors.
//
// Not thread safe.
class ConnectionAcceptor {
 public:
  // Called on the acceptor's thread with the socket of a new connection, which the callee owns from then on.
  using Hand = std::function<void(int socket)>;

  // Listens on every address of the host in `host_port`; port 0 asks the system for a free one. Connections wait in
  // the system until Start. UNAVAILABLE, naming the address, if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> Listen(const std::string& host_port,
                                                                    std::uint32_t max_connections,
                                                                    const net::Handover& handover = {});
  // Calls Stop.
  ~ConnectionAcceptor();
  ConnectionAcceptor(const ConnectionAcceptor&) = delete;
  ConnectionAcceptor& operator=(const ConnectionAcceptor&) = delete;

  int port() const;
  void Start(Hand hand);
  // Stops listening. Once this has returned, `hand` is not called any more. Connections that were handed on stay open.
  void Stop();
  // How many connections that were handed on are still open. Call it after Stop.
  std::size_t OpenConnections();

 private:
  class Impl;
  explicit ConnectionAcceptor(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
  std::jthread thread_;
};

}  // namespace smartbatch::rpc
