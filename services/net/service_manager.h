// What a program and a service manager such as systemd tell each other: sd_listen_fds(3), sd_notify(3).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace smartbatch::net {

// The listening sockets that the process was started with. Not thread safe.
class InheritedSockets {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // Takes the sockets out of the environment: call it once, before any thread is started. Null if there are none.
  // INVALID_ARGUMENT if something other than a listening TCP socket was handed over.
  static absl::StatusOr<std::shared_ptr<InheritedSockets>> Take();

  // INVALID_ARGUMENT unless each socket is bound to an address of one of `host_ports`: on any other socket nobody would
  // accept, and its callers would wait for ever.
  absl::Status CheckAddresses(const std::vector<std::string>& host_ports) const;

  // The descriptor of the socket bound to this endpoint, which the caller owns from then on; -1 if there is none.
  int Claim(const Endpoint& endpoint);

 private:
  struct Socket {
    int descriptor = -1;
    Endpoint endpoint;
  };

  std::vector<Socket> sockets_;
};

// The endpoints of `host:port`; empty if the host is unknown.
std::vector<boost::asio::ip::tcp::endpoint> EndpointsOf(const std::string& host_port);

// Tells the service manager, if there is one, that the program serves from now on. Thread safe.
void TellReady();
// Tells the service manager, if there is one, that the program stops. Thread safe.
void TellStopping();

}  // namespace smartbatch::net
