#include "services/rpc/open_sockets.h"

#include <sys/stat.h>

namespace smartbatch::rpc {
namespace {

constexpr auto kAskEvery = std::chrono::milliseconds(100);

}  // namespace

bool OpenSockets::Socket::IsOpen() const {
  struct stat now {};
  return fstat(descriptor, &now) == 0 && S_ISSOCK(now.st_mode) && now.st_ino == number;
}

bool OpenSockets::HasRoom(Clock::time_point now) {
  if (sockets_.size() < most_) return true;
  if (now - asked_ < kAskEvery) return false;
  asked_ = now;
  return Count() < most_;
}

std::size_t OpenSockets::Count() {
  std::erase_if(sockets_, [](const Socket& socket) { return !socket.IsOpen(); });
  return sockets_.size();
}

void OpenSockets::Add(int socket) {
  struct stat opened {};
  if (fstat(socket, &opened) == 0) sockets_.push_back({socket, opened.st_ino});
}

}  // namespace smartbatch::rpc
