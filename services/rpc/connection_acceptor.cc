#include "services/rpc/connection_acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "absl/status/status.h"
#include "services/rpc/open_sockets.h"

namespace smartbatch::rpc {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// What else the process opens finds so many descriptors, or a quarter of all where they are few.
constexpr rlim_t kSparedDescriptors = 64;
constexpr auto kRetryAfter = std::chrono::milliseconds(100);
constexpr auto kTellEvery = std::chrono::seconds(10);

// The first descriptor that no connection may have: the system gives the lowest that is free.
rlim_t FirstSparedDescriptor() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return RLIM_INFINITY;
  return descriptors.rlim_cur - std::min(kSparedDescriptors, descriptors.rlim_cur / 4);
}

}  // namespace

class ConnectionAcceptor::Impl {
 public:
  explicit Impl(std::uint32_t max_connections) : max_connections_(max_connections), open_(max_connections) {}

  absl::Status Listen(const std::string& host_port) {
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
        // A host may stand for addresses of a protocol that this machine does not have.
        if (error == asio::error::address_in_use) break;
      }
    }
    if (error == asio::error::address_in_use || acceptors_.empty()) {
      return absl::UnavailableError("cannot listen on " + host_port +
                                    ": the port is taken or the host is not of this machine; choose another host:port");
    }
    return absl::OkStatus();
  }

  std::uint16_t port() const {
    error_code error;
    return acceptors_.front().local_endpoint(error).port();
  }

  void Run(Hand hand) {
    hand_ = std::move(hand);
    for (tcp::acceptor& acceptor : acceptors_) Accept(acceptor);
    io_.run();
  }

  // From any thread.
  void Stop() {
    asio::post(io_, [this] {
      error_code ignored;
      for (tcp::acceptor& acceptor : acceptors_) acceptor.close(ignored);
      io_.stop();
    });
  }

 private:
  error_code Bind(const tcp::endpoint& endpoint) {
    error_code error;
    tcp::acceptor acceptor(io_);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
    if (!error) acceptors_.push_back(std::move(acceptor));
    return error;
  }

  void Accept(tcp::acceptor& acceptor) {
    acceptor.async_accept([this, &acceptor](error_code error, tcp::socket socket) {
      if (!acceptor.is_open()) return;
      if (error) return Retry(acceptor, error);
      Take(std::move(socket));
      Accept(acceptor);
    });
  }

  // Such as no descriptor left: try again, but not without end at once.
  void Retry(tcp::acceptor& acceptor, error_code error) {
    Tell("cannot accept a connection: " + error.message() + "; trying again");
    const auto timer = std::make_shared<asio::steady_timer>(io_, kRetryAfter);
    timer->async_wait([this, &acceptor, timer](error_code stopped) {
      if (!stopped && acceptor.is_open()) Accept(acceptor);
    });
  }

  void Take(tcp::socket socket) {
    if (static_cast<rlim_t>(socket.native_handle()) >= spared_) {
      return Tell("a connection was closed: the process has hardly any descriptor left; raise the limit (ulimit -n)");
    }
    if (!open_.HasRoom(OpenSockets::Clock::now())) {
      return Tell("a connection was closed: " + std::to_string(max_connections_) +
                  " are open; raise connections.max_connections");
    }
    error_code error;
    socket.set_option(tcp::no_delay(true), error);
    socket.native_non_blocking(true, error);
    const int descriptor = socket.release(error);
    if (error) return;
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    open_.Add(descriptor);
    hand_(descriptor);
  }

  // At most once in kTellEvery: whoever opens connections without end must not fill the log.
  void Tell(const std::string& what) {
    const auto now = std::chrono::steady_clock::now();
    ++untold_;
    if (now < tell_from_) return;
    spdlog::warn("{} ({} such since the last warning)", what, std::exchange(untold_, 0));
    tell_from_ = now + kTellEvery;
  }

  const std::uint32_t max_connections_;
  const rlim_t spared_ = FirstSparedDescriptor();
  asio::io_context io_{1};
  std::list<tcp::acceptor> acceptors_;
  OpenSockets open_;
  Hand hand_;
  std::uint64_t untold_ = 0;
  std::chrono::steady_clock::time_point tell_from_{};
};

absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> ConnectionAcceptor::Listen(const std::string& host_port,
                                                                               std::uint32_t max_connections) {
  auto impl = std::make_unique<Impl>(max_connections);
  if (absl::Status status = impl->Listen(host_port); !status.ok()) return status;
  return std::unique_ptr<ConnectionAcceptor>(new ConnectionAcceptor(std::move(impl)));
}

ConnectionAcceptor::ConnectionAcceptor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ConnectionAcceptor::~ConnectionAcceptor() { Stop(); }

int ConnectionAcceptor::port() const { return impl_->port(); }

void ConnectionAcceptor::Start(Hand hand) {
  thread_ = std::jthread([this, hand = std::move(hand)]() mutable { impl_->Run(std::move(hand)); });
}

void ConnectionAcceptor::Stop() {
  if (!thread_.joinable()) return;
  impl_->Stop();
  thread_.join();
}

}  // namespace smartbatch::rpc
