#include "tools/loadgen/output/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

#include <fmt/format.h>

#include "common/utf8.h"

namespace smartbatch::loadgen {
namespace {

constexpr double kPlainEverySeconds = 5;
constexpr double kRecentSeconds = 2;

// The part that fits on one line of the terminal: a longer line could not be overwritten.
std::string_view Fitting(std::string_view line) {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return line;
  return FirstCodePoints(line, size.ws_col - 1U);
}

}  // namespace

ProgressMode ChooseProgressMode(const std::string& name) {
  if (name == "live") return ProgressMode::kLive;
  if (name == "plain") return ProgressMode::kPlain;
  if (name == "none") return ProgressMode::kNone;
  return isatty(STDERR_FILENO) != 0 ? ProgressMode::kLive : ProgressMode::kPlain;
}

std::string ProgressLine(const ProgressFigures& figures, double answers_per_second) {
  const LiveFigures& live = figures.live;
  return fmt::format("{}  {:.0f}/{:.0f} s  {:.1f} answers/s  {} in flight  p50 {:.1f} ms  p99 {:.1f} ms  {} errors",
                     figures.what, figures.elapsed_seconds, figures.length_seconds, answers_per_second,
                     live.in_flight(), live.p50_ms, live.p99_ms, live.failed);
}

double Progress::RecentRate(const ProgressFigures& figures) {
  if (recent_.empty()) recent_.emplace_back(0, 0);
  recent_.emplace_back(figures.elapsed_seconds, figures.live.answered);
  while (recent_.size() > 2 && figures.elapsed_seconds - recent_.front().first > kRecentSeconds) recent_.pop_front();
  const double seconds = figures.elapsed_seconds - recent_.front().first;
  return seconds > 0 ? static_cast<double>(figures.live.answered - recent_.front().second) / seconds : 0;
}

void Progress::Show(const ProgressFigures& figures) {
  if (mode_ == ProgressMode::kNone) return;
  const std::string line = ProgressLine(figures, RecentRate(figures));
  if (mode_ == ProgressMode::kLive) {
    fmt::print(stderr, "\r\x1b[K{}", Fitting(line));
    std::fflush(stderr);
    line_is_open_ = true;
    return;
  }
  unprinted_ = line + '\n';
  if (figures.elapsed_seconds - last_plain_seconds_ < kPlainEverySeconds) return;
  fmt::print(stderr, "{}", std::exchange(unprinted_, ""));
  last_plain_seconds_ = figures.elapsed_seconds;
}

void Progress::EndBlock() {
  if (line_is_open_) fmt::print(stderr, "\r\x1b[K");
  fmt::print(stderr, "{}", std::exchange(unprinted_, ""));
  std::fflush(stderr);
  line_is_open_ = false;
  last_plain_seconds_ = 0;
  recent_.clear();
}

void Progress::Say(const std::string& message) {
  if (mode_ == ProgressMode::kNone) return;
  EndBlock();
  fmt::print(stderr, "{}\n", message);
}

}  // namespace smartbatch::loadgen
