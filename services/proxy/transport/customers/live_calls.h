// The open calls of a server: how many there are, and which of them wait for their caller.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <boost/intrusive/list.hpp>

#include "common/mutex.h"
#include "common/time.h"

namespace smartbatch::transport {

// A call as LiveCalls knows it. The call must leave its list (StopArriving, StopLeaving) before it is destroyed.
class LiveCall : public boost::intrusive::list_base_hook<> {
 public:
  enum class Reason : std::uint8_t {
    kTooLate,    // the request did not arrive within the time limit
    kCrowdedOut  // the request has been arriving for the longest time, and others need its place
  };

  // Called when the request is given up; answers the call. Called by any thread, without a lock.
  virtual void GiveUpRequest(Reason reason) = 0;
  // Called when the answer is given up; cancels the call. Called by any thread, under the lock of LiveCalls; must not
  // block.
  virtual void GiveUpAnswer() = 0;

  virtual ~LiveCall() = default;
  LiveCall(const LiveCall&) = delete;
  LiveCall& operator=(const LiveCall&) = delete;

 protected:
  LiveCall() = default;

 private:
  friend class LiveCalls;
  Time since_{};
  bool arriving_ = false;
};

struct TransitLimits {
  // The most calls whose request is arriving or whose answer has not been taken yet; at least 1.
  std::size_t max_in_transit = 10'000;
  // If this many requests are arriving, one that has been arriving for a moment is given up for the next; at least 1.
  std::size_t max_slow_requests = 64;
  // How long a request may take to arrive after its headers, and a caller may take to read an answer; above 0.
  Duration timeout = std::chrono::seconds(20);
};

// Counts the calls of a server, and limits those that depend on their caller: a caller may send half a request or leave
// an answer unread, and each such call holds memory. The call that has lasted longest is given up first, because a
// caller who sends and reads at once is hardly ever the oldest.
//
// gRPC does not say when its last call has gone, and its queue must outlive all calls; WaitForAtMost waits for that.
//
// Thread safe. Every operation takes constant time, except Sweep, which is linear in what it gives up.
class LiveCalls {
 public:
  explicit LiveCalls(const TransitLimits& limits) : limits_(limits) {}

  enum class Entrance : std::uint8_t {
    kAccepted,  // the call is arriving
    kRefused,   // there is no room: answer the call with an error
    kHopeless   // there is no room even for such answers: cancel the call
  };
  struct Counts {
    std::size_t arriving = 0;
    std::size_t leaving = 0;
    // Counts since the start: call objects (one more than calls have come), and requests and answers given up.
    std::uint64_t entered = 0;
    std::uint64_t requests_given_up = 0;
    std::uint64_t answers_given_up = 0;
  };

  // A call object was created.
  void Enter();
  // A call object was destroyed.
  void Leave();
  // Waits until there are at most `count` calls. Returns false if there are more after `timeout`.
  bool WaitForAtMost(std::size_t count, Duration timeout);

  // The request of the call begins to arrive. Makes room by giving up another call if that call has lasted too long.
  Entrance StartArriving(LiveCall& call, Time now);
  // The request has arrived, or never will. Returns false if it was given up before; then the call has been answered.
  bool StopArriving(LiveCall& call);
  // The call is about to be answered.
  void StartLeaving(LiveCall& call, Time now);
  // The call's answer was taken.
  void StopLeaving(LiveCall& call);

  // Gives up calls that have lasted longer than the time limit. Call it several times a second.
  void Sweep(Time now);
  Counts counts() const;

 private:
  using List = boost::intrusive::list<LiveCall, boost::intrusive::constant_time_size<true>>;

  bool HasLasted(const List& list, Duration time, Time now) const SMARTBATCH_REQUIRES(mutex_);
  LiveCall& TakeOldestRequest() SMARTBATCH_REQUIRES(mutex_);
  void GiveUpOldestAnswer() SMARTBATCH_REQUIRES(mutex_);
  // The call whose request has to make room for the next one; null if there is room.
  LiveCall* MakeRoom(Time now) SMARTBATCH_REQUIRES(mutex_);

  const TransitLimits limits_;
  mutable Mutex mutex_;
  std::size_t count_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::uint64_t entered_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  // Oldest first.
  List arriving_ SMARTBATCH_GUARDED_BY(mutex_);
  List leaving_ SMARTBATCH_GUARDED_BY(mutex_);
  std::uint64_t requests_given_up_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::uint64_t answers_given_up_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::condition_variable_any fewer_;
};

}  // namespace smartbatch::transport
