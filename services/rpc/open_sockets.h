// How many of the sockets that were handed on are still open.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include <sys/types.h>

namespace smartbatch::rpc {

// Counts sockets whose owner does not say when it closes them, by asking the system for each whether its descriptor
// still refers to the same socket. It asks only when there seem to be too many, and then at most ten times a second, so
// that clients that open connections without end cost little. Not thread safe.
class OpenSockets {
 public:
  using Clock = std::chrono::steady_clock;

  explicit OpenSockets(std::size_t most) : most_(most) {}

  // Returns true if one more socket may be open.
  bool HasRoom(Clock::time_point now);
  // How many are open.
  std::size_t Count();
  // Counts this socket, which must be open.
  void Add(int socket);

 private:
  struct Socket {
    int descriptor = -1;
    // The system numbers sockets: if a descriptor is reused, its socket has another number.
    ino_t number = 0;
    bool IsOpen() const;
  };

  const std::size_t most_;
  std::vector<Socket> sockets_;
  Clock::time_point asked_{};
};

}  // namespace smartbatch::rpc
