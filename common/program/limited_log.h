// Log lines that somebody else can cause as often as he likes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/mutex.h"

namespace smartbatch::program {

// How many lines of one kind may be logged: one such object for each kind. Thread safe.
class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;

  // `lines` in each `window` of time, which begins with a line.
  explicit LogLimit(int lines = 5, Clock::duration window = std::chrono::seconds(1)) : lines_(lines), window_(window) {}

  // Whether a line may be logged at this time. If so: how many were not since the last that was.
  std::optional<std::uint64_t> Admit(Clock::time_point now = Clock::now());

 private:
  const int lines_;
  const Clock::duration window_;
  Mutex mutex_;
  std::optional<Clock::time_point> began_ SMARTBATCH_GUARDED_BY(mutex_);
  int admitted_ SMARTBATCH_GUARDED_BY(mutex_) = 0;  // in this window
  std::uint64_t left_out_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

// Lines that limits have left out since the program started. Thread safe.
std::uint64_t LeftOutLogLines();

// Logs the line if its level is logged and the limit admits it. A line that comes after others were left out ends with
// their number. Debug lines are not limited: somebody has asked for them.
template <class... Args>
void LogLimited(LogLimit& limit, spdlog::level::level_enum level, fmt::format_string<Args...> format, Args&&... args) {
  if (!spdlog::should_log(level)) return;
  const auto left_out = level == spdlog::level::debug ? std::optional<std::uint64_t>(0) : limit.Admit();
  if (!left_out) return;
  std::string text = fmt::format(format, std::forward<Args>(args)...);
  if (*left_out > 0) text += fmt::format(" ({} more such lines were left out before)", *left_out);
  spdlog::log(level, "{}", text);
}

}  // namespace smartbatch::program
