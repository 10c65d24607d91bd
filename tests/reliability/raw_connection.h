// A connection that speaks just enough HTTP/2 to call the proxy: cheap, and it can be dropped at any moment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace smartbatch::testing {

// Not thread safe. Throws std::system_error where the system refuses a socket.
class RawConnection {
 public:
  // `address` is a.b.c.d:port.
  explicit RawConnection(const std::string& address);
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&&) = delete;

  // Calls ProxyClassify with one sequence of one character, and with a `grpc-timeout` when it is not empty. False where
  // the connection has ended.
  bool Call(const std::string& customer, const std::string& timeout = "");
  // Reads until `count` more calls have ended. False where the connection has ended before.
  bool WaitForEnds(std::size_t count);
  // How many more calls have ended by now; nothing where the connection has ended.
  std::optional<std::size_t> TakeEnds();
  // The connection is closed with a reset, whatever is on its way.
  void Drop();

 private:
  bool Send(const std::string& bytes);
  bool HasInput() const;
  // Reads a frame, answers it where it asks for that, and adds to `ends` where it ends a call. False where the
  // connection has ended.
  bool ReadFrame(std::size_t& ends);
  bool ReadExactly(char* to, std::size_t size);
  bool Fill();

  int descriptor_ = -1;
  std::uint32_t next_stream_ = 1;
  std::array<char, 64 * 1024> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace smartbatch::testing
