// Signals as values: they are blocked in every thread and taken by the one that asks for them.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>

#include <csignal>

namespace smartbatch::program {

// Blocks the given signals for the thread that makes it and for every thread started afterwards: make it first
// in main(). Not thread safe.
class SignalWaiter {
 public:
  explicit SignalWaiter(std::initializer_list<int> signals);

  // Waits for one of the signals and returns its number.
  int Wait() const;
  // The same, for at most `timeout`.
  std::optional<int> WaitFor(std::chrono::milliseconds timeout) const;

 private:
  sigset_t signals_;
};

}  // namespace smartbatch::program
