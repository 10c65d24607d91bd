// Shows how far a run is: one live line on a terminal, a plain line now and then elsewhere.
#pragma once

#include <cstdio>
#include <string>

#include "tools/loadgen/engine/run_recorder.h"

namespace smartbatch::loadgen {

enum class ProgressMode {
  kLive,   // one line that is written over
  kPlain,  // a line every 5 seconds
  kNone,
};

// `auto` chooses by whether standard error is a terminal; the other names are live, plain and none.
ProgressMode ChooseProgressMode(const std::string& name);

struct ProgressFigures {
  // What is being measured: `two-customers sjf, block 2 of 6`.
  std::string what;
  double elapsed_seconds = 0;
  double length_seconds = 0;
  // Answers a second since the last call.
  double rate = 0;
  LiveFigures live;
};

// Writes to standard error. Not thread safe.
class Progress {
 public:
  explicit Progress(ProgressMode mode) : mode_(mode) {}
  // Shows where it is time to; call it a few times a second.
  void Show(const ProgressFigures& figures);
  // Ends the block: what comes next begins on a line of its own.
  void EndBlock();
  // A message of its own line, unless the mode is none.
  void Say(const std::string& message);

 private:
  const ProgressMode mode_;
  bool line_is_open_ = false;
  double last_plain_seconds_ = 0;
};

std::string ProgressLine(const ProgressFigures& figures);

}  // namespace smartbatch::loadgen
