#include "tools/loadgen/output/progress.h"

#include <unistd.h>

#include <fmt/format.h>

namespace smartbatch::loadgen {
namespace {

constexpr double kPlainEverySeconds = 5;

}  // namespace

ProgressMode ChooseProgressMode(const std::string& name) {
  if (name == "live") return ProgressMode::kLive;
  if (name == "plain") return ProgressMode::kPlain;
  if (name == "none") return ProgressMode::kNone;
  return isatty(STDERR_FILENO) != 0 ? ProgressMode::kLive : ProgressMode::kPlain;
}

std::string ProgressLine(const ProgressFigures& figures) {
  const LiveFigures& live = figures.live;
  return fmt::format("{}  {:.0f}/{:.0f} s  {:.1f} answers/s  {} in flight  p50 {:.1f} ms  p99 {:.1f} ms  {} errors",
                     figures.what, figures.elapsed_seconds, figures.length_seconds, figures.rate, live.in_flight(),
                     live.p50_ms, live.p99_ms, live.failed);
}

void Progress::Show(const ProgressFigures& figures) {
  if (mode_ == ProgressMode::kLive) {
    fmt::print(stderr, "\r\x1b[K{}", ProgressLine(figures));
    std::fflush(stderr);
    line_is_open_ = true;
  } else if (mode_ == ProgressMode::kPlain && figures.elapsed_seconds - last_plain_seconds_ >= kPlainEverySeconds) {
    fmt::print(stderr, "{}\n", ProgressLine(figures));
    last_plain_seconds_ = figures.elapsed_seconds;
  }
}

void Progress::EndBlock() {
  if (line_is_open_) fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  line_is_open_ = false;
  last_plain_seconds_ = 0;
}

void Progress::Say(const std::string& message) {
  if (mode_ == ProgressMode::kNone) return;
  EndBlock();
  fmt::print(stderr, "{}\n", message);
}

}  // namespace smartbatch::loadgen
