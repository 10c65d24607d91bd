// A bound on how long a program takes to stop.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace smartbatch::program {

// Ends the process with kExitError once the time is over, unless it is destroyed before. It waits for nothing that
// could stand still itself: make it before anything else that is done to stop. Thread safe.
class Watchdog {
 public:
  // From now on.
  explicit Watchdog(std::chrono::nanoseconds limit);
  // Gives so much more time.
  void Extend(std::chrono::nanoseconds more);

 private:
  void Watch(const std::stop_token& stop);

  std::atomic<std::chrono::steady_clock::duration> end_;  // of the time, on the steady clock
  std::jthread thread_;
};

}  // namespace smartbatch::program
