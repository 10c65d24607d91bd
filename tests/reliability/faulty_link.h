// A TCP connection that misbehaves: it stands between the proxy and a classifier and treats their bytes as a test says.
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
  kDelay,     // each piece arrives 20 ms later
  kStall,     // nothing comes through while this lasts
  kTruncate,  // half of a reply arrives, then the connection ends
  kGarbage,   // a reply arrives as other bytes
};

// Takes connections on a free port of 127.0.0.1 and forwards each to the target. Thread safe. Throws std::system_error
// if the system refuses a socket.
class FaultyLink {
 public:
  // `target` is a.b.c.d:port.
  explicit FaultyLink(const std::string& target);
  ~FaultyLink();
  FaultyLink(const FaultyLink&) = delete;
  FaultyLink& operator=(const FaultyLink&) = delete;

  const std::string& address() const { return address_; }

  // Sets the fault of every connection from now on.
  void Set(LinkFault fault) { fault_ = fault; }
  // Ends every connection, even with bytes on their way.
  void Reset();
  // The other side of every present connection vanishes silently: bytes sent to it are lost, and nothing comes back.
  // New connections work.
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
