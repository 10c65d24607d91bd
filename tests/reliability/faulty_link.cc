#include "tests/reliability/faulty_link.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;

constexpr int kPollMs = 20;

sockaddr_in AddressOf(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
  inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr);
  return address;
}

int Check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int NewSocket() { return Check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"); }

bool IsReadable(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  return poll(&waiting, 1, kPollMs) > 0;
}

bool SendAll(int descriptor, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(descriptor, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

struct FaultyLink::Connection {
  explicit Connection(int to_caller) : caller(to_caller) {}
  ~Connection() {
    close(caller);
    if (server >= 0) close(server);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Wakes both directions; the descriptors stay open until both have ended.
  void Shutdown() const {
    shutdown(caller, SHUT_RDWR);
    if (server >= 0) shutdown(server, SHUT_RDWR);
  }

  const int caller;
  int server = -1;
  std::atomic<bool> abandoned = false;
};

FaultyLink::FaultyLink(const std::string& target) : target_(target), listener_(NewSocket()) {
  sockaddr_in address = AddressOf("127.0.0.1:0");
  socklen_t size = sizeof address;
  Check(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), "bind");
  Check(listen(listener_, SOMAXCONN), "listen");
  Check(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  acceptor_ = std::jthread([this](const std::stop_token& stop) { Accept(stop); });
}

FaultyLink::~FaultyLink() {
  acceptor_ = {};
  std::vector<std::jthread> pumps;
  {
    const MutexLock lock(mutex_);
    for (const auto& connection : connections_) connection->Shutdown();
    pumps.swap(pumps_);
  }
  pumps.clear();
  close(listener_);
}

void FaultyLink::Accept(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!IsReadable(listener_)) continue;
    const int caller = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (caller < 0) continue;
    auto connection = std::make_shared<Connection>(caller);
    connection->server = NewSocket();
    const sockaddr_in address = AddressOf(target_);
    // If nobody listens the caller sees its connection end.
    if (connect(connection->server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    const MutexLock lock(mutex_);
    std::erase_if(connections_, [](const auto& known) { return known.use_count() == 1; });
    connections_.push_back(connection);
    for (const bool is_reply : {false, true}) {
      pumps_.emplace_back(
          [this, connection, is_reply](const std::stop_token& pump_stop) { Forward(pump_stop, connection, is_reply); });
    }
  }
}

void FaultyLink::Forward(const std::stop_token& stop, const std::shared_ptr<Connection>& connection, bool is_reply) {
  const int from = is_reply ? connection->server : connection->caller;
  const int to = is_reply ? connection->caller : connection->server;
  std::array<char, 16 * 1024> buffer;
  while (!stop.stop_requested()) {
    if (!IsReadable(from)) continue;
    const ssize_t received = recv(from, buffer.data(), buffer.size(), 0);
    if (connection->abandoned) {
      // Not even the end of the connection comes through.
      if (received <= 0) std::this_thread::sleep_for(milliseconds(kPollMs));
      continue;
    }
    if (received <= 0) break;
    const auto size = static_cast<std::size_t>(received);
    if (fault_ == LinkFault::kDelay) std::this_thread::sleep_for(milliseconds(20));
    while (fault_ == LinkFault::kStall && !stop.stop_requested()) std::this_thread::sleep_for(milliseconds(1));
    if (is_reply && fault_ == LinkFault::kTruncate) {
      SendAll(to, buffer.data(), size / 2);
      break;
    }
    if (is_reply && fault_ == LinkFault::kGarbage) std::fill_n(buffer.begin(), size, '\xA5');
    if (!SendAll(to, buffer.data(), size)) break;
  }
  connection->Shutdown();
}

void FaultyLink::Reset() {
  const MutexLock lock(mutex_);
  for (const auto& connection : connections_) {
    // Unsent bytes are dropped, and the other side sees a reset.
    const linger at_once{1, 0};
    setsockopt(connection->caller, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    setsockopt(connection->server, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    connection->Shutdown();
  }
}

void FaultyLink::Abandon() {
  const MutexLock lock(mutex_);
  for (const auto& connection : connections_) connection->abandoned = true;
}

}  // namespace smartbatch::testing
