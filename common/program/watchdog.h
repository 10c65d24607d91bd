// A bound on how long a program takes to stop.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace smartbatch::program {

// Ends the process with kExitError once the time is over, unless it is destroyed before. It waits for nothing that
// could hang itself: construct it before anything else is done to stop. Thread safe.
class Watchdog {
 public:
  // The time begins now.
  explicit Watchdog(std::chrono::nanoseconds limit);
  // Extends the time by `more`.
  void Extend(std::chrono::nanoseconds more);

 private:
  void Watch(const std::stop_token& stop);

  std::atomic<std::chrono::steady_clock::duration> end_;  // since the steady clock's origin
  std::jthread thread_;
};

}  // namespace smartbatch::program
