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
  SignalWaiter(std::initializer_list<int> signals);

  // Waits for one of the signals and returns its number.
  int Wait() const;
  // The same, for at most `timeout`.
  std::optional<int> WaitFor(std::chrono::milliseconds timeout) const;

 private:
  sigset_t signals_;
};

// How long a program that stops lets what is there end: up to a time, or until a second signal to stop comes. Not
// thread safe.
class StopTime {
 public:
  // `limit` from now on. `signals` must outlive it.
  StopTime(const SignalWaiter& signals, std::chrono::nanoseconds limit);

  bool IsOver();
  // Whether it is over because of a signal.
  bool asked_again() const { return asked_again_; }

 private:
  const SignalWaiter& signals_;
  const std::chrono::steady_clock::time_point end_;
  bool asked_again_ = false;
};

}  // namespace smartbatch::program
