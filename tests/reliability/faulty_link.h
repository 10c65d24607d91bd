// A TCP connection that misbehaves: it stands between the proxy and a classifier and does to their bytes what a test
// says.
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "common/mutex.h"

namespace smartbatch::testing {

// What happens to the bytes that pass.
enum class LinkFault {
  kNone,
  kDelay,     // each piece comes 20 ms later
  kStall,     // nothing comes through for as long as this lasts
  kTruncate,  // of a reply comes the first half, then the end of the connection
  kGarbage,   // a reply comes as other bytes
};

// Takes connections on a free port of 127.0.0.1 and forwards each to the target. Thread safe. Throws std::system_error
// where the system refuses a socket.
class FaultyLink {
 public:
  // `target` is a.b.c.d:port.
  explicit FaultyLink(const std::string& target);
  ~FaultyLink();
  FaultyLink(const FaultyLink&) = delete;
  FaultyLink& operator=(const FaultyLink&) = delete;

  const std::string& address() const { return address_; }

  // From now on, for every connection.
  void Set(LinkFault fault) { fault_ = fault; }
  // Ends every connection, whatever is on its way.
  void Reset();
  // The other side of every connection that there is now is gone without a word: what is sent to it vanishes, and
  // nothing comes back. New connections are well.
  void Abandon();

 private:
  struct Connection;

  void Accept(const std::stop_token& stop);
  void Forward(const std::stop_token& stop, const std::shared_ptr<Connection>& connection, bool is_reply);

  const std::string target_;
  std::string address_;
  int listener_ = -1;
  std::atomic<LinkFault> fault_ = LinkFault::kNone;
  Mutex mutex_;
  std::vector<std::shared_ptr<Connection>> connections_ SMARTBATCH_GUARDED_BY(mutex_);
  std::vector<std::jthread> pumps_ SMARTBATCH_GUARDED_BY(mutex_);
  std::jthread acceptor_;
};

}  // namespace smartbatch::testing
