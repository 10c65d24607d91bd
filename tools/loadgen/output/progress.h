// Shows the progress of a run: one live line on a terminal, a plain line now and then elsewhere.
#pragma once

#include <deque>
#include <string>
#include <utility>

#include "tools/loadgen/engine/run_recorder.h"

namespace smartbatch::loadgen {

enum class ProgressMode {
  kLive,   // one line that is overwritten
  kPlain,  // a line every 5 seconds and at the end of each block
  kNone,
};

// `auto` chooses by whether standard error is a terminal; the other names are live, plain and none.
ProgressMode ChooseProgressMode(const std::string& name);

struct ProgressFigures {
  // What is being measured: `block 2/6  two-customers  sjf`.
  std::string what;
  double elapsed_seconds = 0;
  double length_seconds = 0;
  LiveFigures live;
};

// Writes to standard error. Not thread safe.
class Progress {
 public:
  explicit Progress(ProgressMode mode) : mode_(mode) {}
  // Shows the figures if it is time to; call it a few times a second.
  void Show(const ProgressFigures& figures);
  // Ends the block: the next output begins on a line of its own.
  void EndBlock();
  // Writes a message on a line of its own, unless the mode is none.
  void Say(const std::string& message);

 private:
  double RecentRate(const ProgressFigures& figures);

  const ProgressMode mode_;
  bool line_is_open_ = false;
  double last_plain_seconds_ = 0;
  // The plain line of the latest figures, until it is printed.
  std::string unprinted_;
  // Seconds and answers until then, of the last two seconds.
  std::deque<std::pair<double, std::uint64_t>> recent_;
};

// `answers_per_second` over the last two seconds.
std::string ProgressLine(const ProgressFigures& figures, double answers_per_second);

}  // namespace smartbatch::loadgen
