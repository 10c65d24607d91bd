// Ctrl-C and SIGTERM as a stop token.
#pragma once

#include <stop_token>
#include <thread>

#include "common/program/signals.h"

namespace smartbatch::loadgen {

// While it lives, a SIGINT or SIGTERM asks for a stop: the block ends and the results so far are written. A second one
// ends the program at once, with 130. Construct it before any other thread is started: the signals are blocked in the
// threads that are started later.
class Interruption {
 public:
  Interruption();

  std::stop_token token() const { return stop_.get_token(); }
  bool requested() const { return stop_.stop_requested(); }

 private:
  program::SignalWaiter signals_;
  std::stop_source stop_;
  std::jthread watcher_;
};

}  // namespace smartbatch::loadgen
