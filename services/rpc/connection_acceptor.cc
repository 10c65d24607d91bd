#include "services/rpc/connection_acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "absl/status/status.h"
#include "common/program/limited_log.h"
#include "services/net/tcp_listener.h"
#include "services/rpc/open_sockets.h"

namespace smartbatch::rpc {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// How many descriptors are kept for everything else that the process opens: these, or a quarter of all if that is less.
constexpr rlim_t kSparedDescriptors = 64;
constexpr auto kTellEvery = std::chrono::seconds(10);

// The first descriptor that no connection may use. The system always gives the lowest free descriptor.
rlim_t FirstSparedDescriptor() {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return RLIM_INFINITY;
  return descriptors.rlim_cur - std::min(kSparedDescriptors, descriptors.rlim_cur / 4);
}

}  // namespace

class ConnectionAcceptor::Impl {
 public:
  explicit Impl(std::uint32_t max_connections) : max_connections_(max_connections), open_(max_connections) {}

  absl::Status Listen(const std::string& host_port, const net::Handover& handover) {
    return listener_.Listen(host_port, handover);
  }
  std::uint16_t port() const { return listener_.port(); }

  void Run(Hand hand) {
    hand_ = std::move(hand);
    listener_.Accept(
        [this](tcp::socket socket) { Take(std::move(socket)); },
        [this](const std::string& error) { Tell("cannot accept a connection: " + error + "; trying again"); });
    io_.run();
  }

  std::size_t OpenConnections() { return open_.Count(); }

  // Called from any thread.
  void Stop() {
    // Run then runs out of work, but not before it has handed on what it has accepted.
    asio::post(io_, [this] { listener_.Close(); });
  }

 private:
  void Take(tcp::socket socket) {
    if (static_cast<rlim_t>(socket.native_handle()) >= spared_) {
      return Tell("a connection was closed: the process has hardly any descriptors left; raise the limit (ulimit -n)");
    }
    if (!open_.HasRoom(OpenSockets::Clock::now())) {
      return Tell("a connection was closed: " + std::to_string(max_connections_) +
                  " are open, the most that this port may have (in the proxy: connections.max_connections)");
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

  // Limited, so that a client that opens connections without end cannot fill the log.
  void Tell(const std::string& what) { program::LogLimited(tellings_, spdlog::level::warn, "{}", what); }

  const std::uint32_t max_connections_;
  const rlim_t spared_ = FirstSparedDescriptor();
  asio::io_context io_{1};
  net::TcpListener listener_{io_};
  OpenSockets open_;
  Hand hand_;
  program::LogLimit tellings_{1, kTellEvery};
};

absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> ConnectionAcceptor::Listen(const std::string& host_port,
                                                                               std::uint32_t max_connections,
                                                                               const net::Handover& handover) {
  auto impl = std::make_unique<Impl>(max_connections);
  if (absl::Status status = impl->Listen(host_port, handover); !status.ok()) return status;
  return std::unique_ptr<ConnectionAcceptor>(new ConnectionAcceptor(std::move(impl)));
}

ConnectionAcceptor::ConnectionAcceptor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ConnectionAcceptor::~ConnectionAcceptor() { Stop(); }

int ConnectionAcceptor::port() const { return impl_->port(); }
std::size_t ConnectionAcceptor::OpenConnections() { return impl_->OpenConnections(); }

void ConnectionAcceptor::Start(Hand hand) {
  thread_ = std::jthread([this, hand = std::move(hand)]() mutable { impl_->Run(std::move(hand)); });
}

void ConnectionAcceptor::Stop() {
  if (!thread_.joinable()) return;
  impl_->Stop();
  thread_.join();
}

}  // namespace smartbatch::rpc
