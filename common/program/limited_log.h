// A limit on log lines that a caller can cause as often as it likes.
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

// Limits how often lines of one kind are logged: one object for each kind. Thread safe.
class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;

  // Admits `lines` lines in each `window` of time. A window begins with a line.
  explicit LogLimit(int lines = 5, Clock::duration window = std::chrono::seconds(1)) : lines_(lines), window_(window) {}

  // Returns nothing if no line may be logged at this time, else how many lines were left out since the last logged one.
  std::optional<std::uint64_t> Admit(Clock::time_point now = Clock::now());

 private:
  const int lines_;
  const Clock::duration window_;
  Mutex mutex_;
  std::optional<Clock::time_point> began_ SMARTBATCH_GUARDED_BY(mutex_);
  int admitted_ SMARTBATCH_GUARDED_BY(mutex_) = 0;  // in this window
  std::uint64_t left_out_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

// Returns how many lines all limits have left out since the program started. Thread safe.
std::uint64_t LeftOutLogLines();

// Logs the line if its level is logged and the limit admits it. If lines were left out before it, it ends with their
// number. Debug lines are not limited: somebody has asked for them.
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
