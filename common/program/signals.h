// Signals as values: they are blocked in every thread and taken by the thread that asks for them.
#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>

#include <csignal>

namespace smartbatch::program {

// Blocks the given signals for the thread that constructs it and for every thread that this thread starts afterwards:
// construct it first in main(). Not thread safe.
class SignalWaiter {
 public:
  SignalWaiter(std::initializer_list<int> signals);

  // Waits for one of the signals and returns its number.
  int Wait() const;
  // The same, for at most `timeout`; returns nothing if no signal came.
  std::optional<int> WaitFor(std::chrono::milliseconds timeout) const;

 private:
  sigset_t signals_;
};

// How long a program that stops lets its open work finish: up to a limit, or until a second signal to stop comes. Not
// thread safe.
class StopTime {
 public:
  // The time ends `limit` from now. `signals` must outlive it.
  StopTime(const SignalWaiter& signals, std::chrono::nanoseconds limit);

  bool IsOver();
  // Returns true if the time is over because of a signal.
  bool asked_again() const { return asked_again_; }

 private:
  const SignalWaiter& signals_;
  const std::chrono::steady_clock::time_point end_;
  bool asked_again_ = false;
};

}  // namespace smartbatch::program
