// A connection that speaks just enough HTTP/2 to call the proxy. It is cheap, and can be dropped at any moment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace smartbatch::testing {

// What a caller sends.
struct RawCall {
  std::string customer = "raw";
  // The header `grpc-timeout`; empty for none.
  std::string timeout = {};
  // The number of texts and the bytes of each, below 2^21.
  std::size_t texts = 1;
  std::size_t bytes_of_a_text = 1;
  // How many bytes at the end of the message are never sent; the call is then left open.
  std::size_t withheld_bytes = 0;
  // Bytes of headers besides those that every call has.
  std::size_t more_headers = 0;
  // The message claims to be compressed.
  bool flagged_as_compressed = false;
};

// How the connection behaves.
struct RawSettings {
  // The bytes of an answer that the server may send; at 0 no answer with a message is ever taken.
  std::uint32_t window = 0xFFFF;
  // Whether the server's limits are acknowledged, after which it may apply them.
  bool acknowledges = true;
};

// Not thread safe. Throws std::system_error if the system refuses a socket.
class RawConnection {
 public:
  // `address` is a.b.c.d:port.
  explicit RawConnection(const std::string& address, const RawSettings& settings = {});
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&&) = delete;

  // Calls ProxyClassify with one sequence of one character. Returns false if the connection has ended.
  bool Call(const std::string& customer) { return Call(RawCall{.customer = customer}); }
  // The same with the given call. Waits until the server lets it send; also returns false if that takes 10 s.
  bool Call(const RawCall& call);
  // Reads until `count` more calls have ended. Returns false if the connection has ended before.
  bool WaitForEnds(std::size_t count);
  // The headers and trailers that came last, as they were encoded.
  const std::string& last_headers() const { return last_headers_; }
  // How many more calls have ended by now; nothing if the connection has ended.
  std::optional<std::size_t> TakeEnds();
  // Closes the connection with a reset, even with bytes on their way.
  void Drop();

 private:
  bool SendMessage(std::uint32_t stream, const std::string& message, bool is_whole);
  void TakeWindow(std::uint32_t stream, const std::string& payload);
  bool TakeSettings(const std::string& payload);
  bool Send(const std::string& bytes);
  bool HasInput() const;
  // Reads a frame, answers it if it asks for that, and adds to `ends` if it ends a call. Returns false if the
  // connection has ended.
  bool ReadFrame(std::size_t& ends);
  bool ReadExactly(char* to, std::size_t size);
  bool Fill();

  int descriptor_ = -1;
  RawSettings settings_;
  // Calls that ended while a message was sent.
  std::size_t untold_ends_ = 0;
  // The bytes that may still be sent: on the connection, on a new stream, and on the last stream.
  std::int64_t connection_window_ = 0xFFFF;
  std::int64_t new_window_ = 0xFFFF;
  std::int64_t stream_window_ = 0xFFFF;
  std::uint32_t stream_ = 0;
  bool stream_ended_ = false;
  std::string last_headers_;
  std::uint32_t next_stream_ = 1;
  std::array<char, 64 * 1024> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace smartbatch::testing
