// A connection that speaks just enough HTTP/2 to call the proxy: cheap, and it can be dropped at any moment.
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
  // As in the header `grpc-timeout`; none if it is empty.
  std::string timeout = {};
  // So many texts of so many bytes, each below 2^21 bytes.
  std::size_t texts = 1;
  std::size_t bytes_of_a_text = 1;
  // The end of the message that is never sent, in bytes; the call is left open then.
  std::size_t withheld_bytes = 0;
  // Headers besides those that a call has, in bytes.
  std::size_t more_headers = 0;
  // The message says of itself that it is compressed.
  bool flagged_as_compressed = false;
};

// How the connection behaves.
struct RawSettings {
  // Bytes of an answer that the server may send; 0: no answer with a message is ever taken.
  std::uint32_t window = 0xFFFF;
  // Whether the server's limits are acknowledged, after which it may apply them.
  bool acknowledges = true;
};

// Not thread safe. Throws std::system_error where the system refuses a socket.
class RawConnection {
 public:
  // `address` is a.b.c.d:port.
  explicit RawConnection(const std::string& address, const RawSettings& settings = {});
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&&) = delete;

  // Calls ProxyClassify with one sequence of one character. False where the connection has ended.
  bool Call(const std::string& customer) { return Call(RawCall{.customer = customer}); }
  // The same with what is said. Waits until the server lets it send; false too if that takes 10 s.
  bool Call(const RawCall& call);
  // Reads until `count` more calls have ended. False where the connection has ended before.
  bool WaitForEnds(std::size_t count);
  // The headers and trailers that came last, as they were encoded.
  const std::string& last_headers() const { return last_headers_; }
  // How many more calls have ended by now; nothing where the connection has ended.
  std::optional<std::size_t> TakeEnds();
  // The connection is closed with a reset, whatever is on its way.
  void Drop();

 private:
  bool SendMessage(std::uint32_t stream, const std::string& message, bool is_whole);
  void TakeWindow(std::uint32_t stream, const std::string& payload);
  bool TakeSettings(const std::string& payload);
  bool Send(const std::string& bytes);
  bool HasInput() const;
  // Reads a frame, answers it where it asks for that, and adds to `ends` where it ends a call. False where the
  // connection has ended.
  bool ReadFrame(std::size_t& ends);
  bool ReadExactly(char* to, std::size_t size);
  bool Fill();

  int descriptor_ = -1;
  RawSettings settings_;
  // Calls that ended while a message was sent.
  std::size_t untold_ends_ = 0;
  // What may still be sent: on the connection, on a new stream, and on the last stream.
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
