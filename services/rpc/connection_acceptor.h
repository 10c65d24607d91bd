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

// gRPC 1.51 bounds no connections, and the first one for which the process has no descriptor left ends its accepting
// for good. So connections are accepted here and handed on: at most so many at once, and never the last descriptors of
// the process, which the connections to backends, files and the metrics need. What is beyond is closed at once.
//
// Not thread safe.
class ConnectionAcceptor {
 public:
  // Called on the acceptor's thread with the socket of a new connection, which is the callee's from then on.
  using Hand = std::function<void(int socket)>;

  // Listens on every address that the host of `host_port` stands for; port 0 asks the system for a free one.
  // Connections wait in the system until Start. UNAVAILABLE, naming the address, where it cannot be bound.
  static absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> Listen(const std::string& host_port,
                                                                    std::uint32_t max_connections,
                                                                    const net::Handover& handover = {});
  // Calls Stop.
  ~ConnectionAcceptor();
  ConnectionAcceptor(const ConnectionAcceptor&) = delete;
  ConnectionAcceptor& operator=(const ConnectionAcceptor&) = delete;

  int port() const;
  void Start(Hand hand);
  // Stops listening; `hand` is not called any more when this returns. Connections that were handed on stay.
  void Stop();
  // How many of them are open. After Stop.
  std::size_t OpenConnections();

 private:
  class Impl;
  explicit ConnectionAcceptor(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
  std::jthread thread_;
};

}  // namespace smartbatch::rpc
