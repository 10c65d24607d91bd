#include "services/net/tcp_listener.h"

#include <chrono>
#include <memory>
#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace smartbatch::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kTryAgainAfter = std::chrono::milliseconds(100);

}  // namespace

absl::Status TcpListener::Listen(const std::string& host_port) {
  const std::size_t colon = host_port.rfind(':');
  std::string host = host_port.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  error_code error;
  const auto found = tcp::resolver(io_).resolve(host, host_port.substr(colon + 1), tcp::resolver::passive, error);
  if (!error) {
    for (const auto& entry : found) {
      // A free port that was found for the first address is that of the others too.
      const tcp::endpoint endpoint(entry.endpoint().address(), acceptors_.empty() ? entry.endpoint().port() : port());
      error = Bind(endpoint);
      // Any other error is none: a host may stand for addresses of a protocol that this machine does not have.
      if (error == asio::error::address_in_use) break;
    }
  }
  if (error == asio::error::address_in_use || acceptors_.empty()) {
    return absl::UnavailableError("cannot listen on " + host_port +
                                  ": the port is taken or the host is not of this machine; choose another host:port");
  }
  return absl::OkStatus();
}

error_code TcpListener::Bind(const tcp::endpoint& endpoint) {
  error_code error;
  Acceptor acceptor(io_);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(Acceptor::max_listen_connections, error);
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
    if (!acceptor.is_open()) return;
    if (error) {
      failed_(error.message());
      return AcceptLaterOn(acceptor);
    }
    accepted_(std::move(socket));
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
  for (Acceptor& acceptor : acceptors_) acceptor.close(ignored);
}

}  // namespace smartbatch::net
