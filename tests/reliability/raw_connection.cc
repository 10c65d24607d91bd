#include "tests/reliability/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

namespace smartbatch::testing {
namespace {

// RFC 9113, section 6.
enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9
};
constexpr std::uint8_t kAck = 1;
constexpr std::uint8_t kEndStream = 1;
constexpr std::uint8_t kEndHeaders = 4;
constexpr std::size_t kFrameHeader = 9;
constexpr std::size_t kLargestFrame = 16384;
constexpr unsigned kInitialWindow = 4;  // a setting

std::string Number(std::uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>((value >> shift) & 0xFFU);
  return text;
}

std::int64_t ReadNumber(const char* from, int bytes) {
  std::int64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(from[i]);
  return value;
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
// A text of any length (RFC 7541, section 5.1).
std::string LongText(const std::string& text) {
  constexpr std::size_t kPrefix = 127;
  if (text.size() < kPrefix) return Text(text);
  std::string length = {'\x7F'};
  std::size_t rest = text.size() - kPrefix;
  for (; rest > 0x7F; rest >>= 7U) length += static_cast<char>((rest & 0x7FU) | 0x80U);
  return length + static_cast<char>(rest) + text;
}
std::string MoreHeaders(std::size_t bytes) {
  constexpr std::size_t kOfAHeader = 8000;
  std::string headers;
  for (; bytes > 0; bytes -= std::min(bytes, kOfAHeader)) {
    headers += std::string(1, '\0') + Text("x-more") + LongText(std::string(std::min(bytes, kOfAHeader), 'x'));
  }
  return headers;
}
// One HEADERS frame, and as many CONTINUATION frames as needed.
std::string HeaderFrames(std::uint32_t stream, const std::string& headers) {
  std::string frames;
  for (std::size_t begin = 0; begin < headers.size(); begin += kLargestFrame) {
    const bool is_last = begin + kLargestFrame >= headers.size();
    frames += Frame(begin == 0 ? kHeaders : kContinuation, is_last ? kEndHeaders : 0, stream,
                    headers.substr(begin, kLargestFrame));
  }
  return frames;
}
// A request in protobuf's encoding: field 1, a text, repeated `texts` times.
std::string RequestOf(const RawCall& call) {
  std::string length;
  std::size_t rest = call.bytes_of_a_text;
  for (; rest > 0x7F; rest >>= 7U) length += static_cast<char>((rest & 0x7FU) | 0x80U);
  length += static_cast<char>(rest);
  std::string request;
  for (std::size_t i = 0; i < call.texts; ++i) request += '\x0A' + length + std::string(call.bytes_of_a_text, 'x');
  return request;
}
std::string HeadersOf(const RawCall& call) {
  constexpr char kPost = '\x83';
  constexpr char kHttp = '\x86';
  constexpr char kPath = '\x04';
  return std::string{kPost, kHttp, kPath} + Text("/smartbatch.proxy.v1.ProxyService/ProxyClassify") +
         Header(":authority", "proxy") + Header("content-type", "application/grpc") + Header("te", "trailers") +
         Header("x-customer-id", call.customer) + (call.timeout.empty() ? "" : Header("grpc-timeout", call.timeout));
}

}  // namespace

RawConnection::RawConnection(const std::string& address, const RawSettings& settings) : settings_(settings) {
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
  Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
       Frame(kSettings, 0, 0, Number(kInitialWindow, 2) + Number(settings.window, 4)) +
       Frame(kWindowUpdate, 0, 0, Number(kRoomForReplies - 0xFFFF, 4)));
}

RawConnection::~RawConnection() {
  if (descriptor_ >= 0) close(descriptor_);
}

RawConnection::RawConnection(RawConnection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      settings_(other.settings_),
      untold_ends_(other.untold_ends_),
      connection_window_(other.connection_window_),
      new_window_(other.new_window_),
      stream_window_(other.stream_window_),
      stream_(other.stream_),
      stream_ended_(other.stream_ended_),
      last_headers_(std::move(other.last_headers_)),
      next_stream_(other.next_stream_),
      begin_(0),
      end_(0) {
  end_ = other.end_ - other.begin_;
  std::copy_n(other.buffer_.begin() + static_cast<std::ptrdiff_t>(other.begin_), end_, buffer_.begin());
}

bool RawConnection::Call(const RawCall& call) {
  stream_ = std::exchange(next_stream_, next_stream_ + 2);
  stream_window_ = new_window_;
  stream_ended_ = false;
  const std::string request = RequestOf(call);
  std::string message =
      (call.flagged_as_compressed ? '\1' : '\0') + Number(static_cast<std::uint32_t>(request.size()), 4) + request;
  message.resize(message.size() - std::min(call.withheld_bytes, message.size()));
  if (!Send(HeaderFrames(stream_, HeadersOf(call) + MoreHeaders(call.more_headers)))) return false;
  return SendMessage(stream_, message, call.withheld_bytes == 0);
}

bool RawConnection::SendMessage(std::uint32_t stream, const std::string& message, bool is_whole) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (std::size_t sent = 0; sent < message.size();) {
    while (HasInput()) {
      if (!ReadFrame(untold_ends_)) return false;
    }
    if (stream_ended_) return true;  // answered before the message was there
    const std::int64_t window = std::min(connection_window_, stream_window_);
    if (window <= 0) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      pollfd waiting{descriptor_, POLLIN, 0};
      poll(&waiting, 1, 100);
      continue;
    }
    const std::size_t piece = std::min({static_cast<std::size_t>(window), kLargestFrame, message.size() - sent});
    const bool is_last = is_whole && sent + piece == message.size();
    if (!Send(Frame(kData, is_last ? kEndStream : 0, stream, message.substr(sent, piece)))) return false;
    sent += piece;
    connection_window_ -= static_cast<std::int64_t>(piece);
    stream_window_ -= static_cast<std::int64_t>(piece);
  }
  return true;
}

void RawConnection::TakeWindow(std::uint32_t stream, const std::string& payload) {
  const std::int64_t more = ReadNumber(payload.data(), 4);
  if (stream == 0) connection_window_ += more;
  if (stream == stream_) stream_window_ += more;
}

bool RawConnection::TakeSettings(const std::string& payload) {
  constexpr std::size_t kEntry = 6;
  for (std::size_t at = 0; at + kEntry <= payload.size(); at += kEntry) {
    if (ReadNumber(payload.data() + at, 2) != kInitialWindow) continue;
    const std::int64_t window = ReadNumber(payload.data() + at + 2, 4);
    stream_window_ += window - new_window_;
    new_window_ = window;
  }
  return !settings_.acknowledges || Send(Frame(kSettings, kAck, 0, ""));
}

bool RawConnection::WaitForEnds(std::size_t count) {
  std::size_t ends = std::exchange(untold_ends_, 0);
  while (ends < count) {
    if (!ReadFrame(ends)) return false;
  }
  untold_ends_ = ends - count;
  return true;
}

std::optional<std::size_t> RawConnection::TakeEnds() {
  std::size_t ends = std::exchange(untold_ends_, 0);
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
  const auto stream = static_cast<std::uint32_t>(ReadNumber(header.data() + 5, 4));
  if (type == kHeaders) last_headers_ = payload;
  const bool ends_call = (type == kData || type == kHeaders) && (flags & kEndStream) != 0;
  if (ends_call) ++ends;
  if ((ends_call || type == kReset) && stream == stream_) stream_ended_ = true;
  if (type == kWindowUpdate) TakeWindow(stream, payload);
  if (type == kSettings && (flags & kAck) == 0) return TakeSettings(payload);
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
