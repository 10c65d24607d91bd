#include "services/net/service_manager.h"

#include <algorithm>
#include <utility>

#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <boost/asio/io_context.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace smartbatch::net {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

std::string TextOf(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return absl::StrCat(endpoint.address().is_v6() ? "[" + host + "]" : host, ":", endpoint.port());
}

}  // namespace

absl::StatusOr<std::shared_ptr<InheritedSockets>> InheritedSockets::Take() {
  const int count = sd_listen_fds(/*unset_environment=*/1);
  if (count < 0) {
    return absl::InvalidArgumentError(
        "LISTEN_FDS or LISTEN_PID is wrong; let a service manager set them, or unset them");
  }
  if (count == 0) return nullptr;
  auto taken = std::make_shared<InheritedSockets>();
  for (int descriptor = SD_LISTEN_FDS_START; descriptor < SD_LISTEN_FDS_START + count; ++descriptor) {
    Socket socket{descriptor, {}};
    auto size = static_cast<socklen_t>(socket.endpoint.capacity());
    if (sd_is_socket(descriptor, AF_UNSPEC, SOCK_STREAM, /*listening=*/1) <= 0 ||
        getsockname(descriptor, socket.endpoint.data(), &size) != 0 ||
        (socket.endpoint.data()->sa_family != AF_INET && socket.endpoint.data()->sa_family != AF_INET6)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the service manager handed over descriptor ", descriptor,
                       ", which is not a listening TCP socket; use ListenStream=host:port and Accept=no"));
    }
    socket.endpoint.resize(size);
    taken->sockets_.push_back(std::move(socket));
  }
  return taken;
}

absl::Status InheritedSockets::CheckAddresses(const std::vector<std::string>& host_ports) const {
  std::vector<tcp::endpoint> known;
  for (const std::string& host_port : host_ports) {
    const auto found = EndpointsOf(host_port);
    known.insert(known.end(), found.begin(), found.end());
  }
  for (const Socket& socket : sockets_) {
    if (std::find(known.begin(), known.end(), socket.endpoint) != known.end()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the service manager handed over a socket on ", TextOf(socket.endpoint), ", but the settings name ",
        absl::StrJoin(host_ports, ", "), "; make the ListenStream of its .socket unit and the setting the same"));
  }
  return absl::OkStatus();
}

int InheritedSockets::Claim(const Endpoint& endpoint) {
  const auto found =
      std::find_if(sockets_.begin(), sockets_.end(), [&](const Socket& socket) { return socket.endpoint == endpoint; });
  if (found == sockets_.end()) return -1;
  return std::exchange(found->descriptor, -1);
}

std::vector<tcp::endpoint> EndpointsOf(const std::string& host_port) {
  const std::size_t colon = host_port.rfind(':');
  std::string host = host_port.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  boost::asio::io_context io;
  error_code error;
  std::vector<tcp::endpoint> endpoints;
  for (const auto& entry :
       tcp::resolver(io).resolve(host, host_port.substr(colon + 1), tcp::resolver::passive, error)) {
    endpoints.push_back(entry.endpoint());
  }
  return endpoints;
}

void TellReady() { sd_notify(/*unset_environment=*/0, "READY=1"); }
void TellStopping() { sd_notify(/*unset_environment=*/0, "STOPPING=1"); }

}  // namespace smartbatch::net
