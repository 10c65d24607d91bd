#include "tests/reliability/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace smartbatch::testing {
namespace {

// Of RFC 9113, section 6.
enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kSettings = 4, kPing = 6, kWindowUpdate = 8 };
constexpr std::uint8_t kAck = 1;
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;
constexpr std::size_t kFrameHeader = 9;

std::string Number(std::uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>((value >> shift) & 0xFFU);
  return text;
}

std::string Frame(FrameType type, std::uint8_t flags, std::uint32_t stream, const std::string& payload) {
  return Number(static_cast<std::uint32_t>(payload.size()), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         Number(stream, 4) + payload;
}

// RFC 7541, section 6.2.2, with lengths below 127: neither compressed nor remembered.
std::string Text(const std::string& text) { return static_cast<char>(text.size()) + text; }
std::string Header(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + Text(name) + Text(value);
}
std::string HeadersOf(const std::string& customer, const std::string& timeout) {
  constexpr char kPost = '\x83';
  constexpr char kHttp = '\x86';
  constexpr char kPath = '\x04';
  return std::string{kPost, kHttp, kPath} + Text("/smartbatch.proxy.v1.ProxyService/ProxyClassify") +
         Header(":authority", "proxy") + Header("content-type", "application/grpc") + Header("te", "trailers") +
         Header("x-customer-id", customer) + (timeout.empty() ? "" : Header("grpc-timeout", timeout));
}

}  // namespace

RawConnection::RawConnection(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr);
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0 || connect(descriptor_, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
    throw std::system_error(errno, std::generic_category(), "connect to " + address);
  }
  const int on = 1;
  setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  constexpr std::uint32_t kRoomForReplies = 0x7FFF0000;
  Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0, "") +
       Frame(kWindowUpdate, 0, 0, Number(kRoomForReplies - 0xFFFF, 4)));
}

RawConnection::~RawConnection() {
  if (descriptor_ >= 0) close(descriptor_);
}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), next_stream_(other.next_stream_), begin_(0), end_(0) {
  end_ = other.end_ - other.begin_;
  std::copy_n(other.buffer_.begin() + static_cast<std::ptrdiff_t>(other.begin_), end_, buffer_.begin());
}

bool RawConnection::Call(const std::string& customer, const std::string& timeout) {
  const std::uint32_t stream = std::exchange(next_stream_, next_stream_ + 2);
  const std::string request("\x0A\x01x", 3);
  const std::string message = '\0' + Number(static_cast<std::uint32_t>(request.size()), 4) + request;
  return Send(Frame(kHeaders, kEndHeaders, stream, HeadersOf(customer, timeout)) +
              Frame(kData, kEndStream, stream, message));
}

bool RawConnection::WaitForEnds(std::size_t count) {
  for (std::size_t ends = 0; ends < count;) {
    if (!ReadFrame(ends)) return false;
  }
  return true;
}

std::optional<std::size_t> RawConnection::TakeEnds() {
  std::size_t ends = 0;
  while (HasInput()) {
    if (!ReadFrame(ends)) return std::nullopt;
  }
  return ends;
}

bool RawConnection::HasInput() const {
  pollfd waiting{descriptor_, POLLIN, 0};
  return begin_ < end_ || poll(&waiting, 1, 0) > 0;
}

bool RawConnection::ReadFrame(std::size_t& ends) {
  std::array<char, kFrameHeader> header;
  if (!ReadExactly(header.data(), header.size())) return false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(header.at(i)); };
  std::string payload(std::size_t{byte(0)} << 16U | std::size_t{byte(1)} << 8U | byte(2), '\0');
  if (!ReadExactly(payload.data(), payload.size())) return false;
  const unsigned type = byte(3);
  const unsigned flags = byte(4);
  if ((type == kData || type == kHeaders) && (flags & kEndStream) != 0) ++ends;
  if (type == kSettings && (flags & kAck) == 0) return Send(Frame(kSettings, kAck, 0, ""));
  if (type == kPing && (flags & kAck) == 0) return Send(Frame(kPing, kAck, 0, payload));
  return true;
}

void RawConnection::Drop() {
  const linger at_once{1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(std::exchange(descriptor_, -1));
}

bool RawConnection::Send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t written = send(descriptor_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (written <= 0) return false;
    sent += static_cast<std::size_t>(written);
  }
  return true;
}

bool RawConnection::Fill() {
  const ssize_t received = recv(descriptor_, buffer_.data(), buffer_.size(), 0);
  if (received <= 0) return false;
  begin_ = 0;
  end_ = static_cast<std::size_t>(received);
  return true;
}

bool RawConnection::ReadExactly(char* to, std::size_t size) {
  while (size > 0) {
    if (begin_ == end_ && !Fill()) return false;
    const std::size_t piece = std::min(size, end_ - begin_);
    std::memcpy(to, buffer_.data() + begin_, piece);
    begin_ += piece;
    to += piece;
    size -= piece;
  }
  return true;
}

}  // namespace smartbatch::testing
