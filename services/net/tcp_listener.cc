#include "services/net/tcp_listener.h"

#include <chrono>
#include <memory>
#include <utility>

#include <linux/filter.h>
#include <sys/socket.h>
#include <boost/asio/detail/socket_option.hpp>
#include <boost/asio/steady_timer.hpp>

namespace smartbatch::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTryAgainAfter = std::chrono::milliseconds(100);

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

// Two sockets share a port while one process follows another. This option gives all new connections to the socket that
// called listen() second, so that no connection waits in the queue of the first when it is closed. If there is only one
// socket, Linux uses that one. A Linux that does not know the option uses either.
void PreferTheNewer(int socket) {
  sock_filter code{BPF_RET | BPF_K, 0, 0, 1};
  const sock_fprog program{1, &code};
  setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
}

}  // namespace

absl::Status TcpListener::Listen(const std::string& host_port, const Handover& handover) {
  error_code error;
  for (const tcp::endpoint& found : EndpointsOf(host_port)) {
    // The free port found for the first address is used for the others too.
    error = Bind({found.address(), acceptors_.empty() ? found.port() : port()}, handover);
    // Other errors do not count: the host may have addresses of a protocol that this machine does not have.
    if (error == asio::error::address_in_use) break;
  }
  if (error == asio::error::address_in_use || acceptors_.empty()) {
    return absl::UnavailableError(
        "cannot listen on " + host_port +
        ": the port is taken or the host is not an address of this machine; choose another host:port");
  }
  return absl::OkStatus();
}

error_code TcpListener::Bind(const tcp::endpoint& endpoint, const Handover& handover) {
  error_code error;
  Acceptor acceptor(io_);
  const int inherited = handover.inherited ? handover.inherited->Claim(endpoint) : -1;
  if (inherited >= 0) {
    inherited_ = true;
    acceptor.assign(endpoint.protocol(), inherited, error);
  } else {
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
    if (!error && handover.share_ports) acceptor.set_option(ReusePort(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
    if (!error && handover.share_ports) PreferTheNewer(acceptor.native_handle());
  }
  if (!error) acceptors_.push_back(std::move(acceptor));
  return error;
}

std::uint16_t TcpListener::port() const {
  error_code error;
  return acceptors_.front().local_endpoint(error).port();
}

void TcpListener::Accept(std::function<void(Socket)> accepted, std::function<void(const std::string&)> failed) {
  accepted_ = std::move(accepted);
  failed_ = std::move(failed);
  for (Acceptor& acceptor : acceptors_) AcceptOn(acceptor);
}

void TcpListener::AcceptOn(Acceptor& acceptor) {
  acceptor.async_accept([this, &acceptor](error_code error, Socket socket) {
    if (!error) accepted_(std::move(socket));  // even if the acceptor has been closed meanwhile
    if (!acceptor.is_open()) return;
    if (error) {
      failed_(error.message());
      return AcceptLaterOn(acceptor);
    }
    AcceptOn(acceptor);
  });
}

void TcpListener::AcceptLaterOn(Acceptor& acceptor) {
  const auto timer = std::make_shared<asio::steady_timer>(io_, kTryAgainAfter);
  timer->async_wait([this, &acceptor, timer](error_code stopped) {
    if (!stopped && acceptor.is_open()) AcceptOn(acceptor);
  });
}

void TcpListener::Close() {
  error_code ignored;
  for (Acceptor& acceptor : acceptors_) {
    if (accepted_ && acceptor.is_open() && !inherited_) AcceptWaiting(acceptor);
    acceptor.close(ignored);
  }
}

void TcpListener::AcceptWaiting(Acceptor& acceptor) {
  error_code error;
  acceptor.non_blocking(true, error);
  while (!error) {
    Socket socket(io_);
    acceptor.accept(socket, error);
    if (!error) accepted_(std::move(socket));
  }
}

}  // namespace smartbatch::net
