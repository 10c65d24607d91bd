// What a service manager such as systemd and a program tell each other: sd_listen_fds(3), sd_notify(3).
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

  // Takes them out of the environment: call it once, before there are threads. Null if there are none;
  // INVALID_ARGUMENT if something else was handed over.
  static absl::StatusOr<std::shared_ptr<InheritedSockets>> Take();

  // INVALID_ARGUMENT unless each is bound to one of the addresses that the `host:port` stand for: one that nobody
  // accepts on would let its callers wait for ever.
  absl::Status CheckAddresses(const std::vector<std::string>& host_ports) const;

  // The descriptor of the one that is bound there, which is the caller's from then on; -1 if there is none.
  int Claim(const Endpoint& endpoint);

 private:
  struct Socket {
    int descriptor = -1;
    Endpoint endpoint;
  };

  std::vector<Socket> sockets_;
};

// The endpoints that `host:port` stands for; empty if the host is not known.
std::vector<boost::asio::ip::tcp::endpoint> EndpointsOf(const std::string& host_port);

// Tell the service manager, if there is one, that the program serves from now on; that it stops. Thread safe.
void TellReady();
void TellStopping();

}  // namespace smartbatch::net
