#include "common/program/log_sink.h"

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "common/program/output.h"

namespace smartbatch::program {
namespace {

constexpr std::string_view kPlain = "\033[m";
constexpr std::array<std::string_view, spdlog::level::n_levels> kColours = {
    "\033[37m", "\033[36m", "\033[32m", "\033[33m\033[1m", "\033[31m\033[1m", "\033[1m\033[41m", ""};

std::string Coloured(const spdlog::details::log_msg& message, std::string_view line) {
  const std::size_t begin = message.color_range_start;
  const std::size_t end = message.color_range_end;
  std::string text(line.substr(0, begin));
  text += kColours.at(static_cast<std::size_t>(message.level));
  text += line.substr(begin, end - begin);
  text += kPlain;
  text += line.substr(end);
  return text;
}

}  // namespace

LogSink::LogSink(int descriptor, std::function<std::uint64_t()> overrun)
    : descriptor_(descriptor), coloured_(isatty(descriptor) == 1), overrun_(std::move(overrun)) {}

std::uint64_t LogSink::flushes() const {
  const MutexLock lock(mutex_);
  return flushes_;
}

void LogSink::WaitForFlush(std::uint64_t flushes, std::chrono::milliseconds timeout) {
  const MutexLock lock(mutex_);
  flushed_.wait_for(mutex_, timeout, [&]() SMARTBATCH_REQUIRES(mutex_) { return flushes_ > flushes; });
}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  if (const std::uint64_t lost = overrun_() + unwritten_; lost > told_) {
    const std::string text = fmt::format("{} log lines were lost here: nobody read them in time", lost - told_);
    if (WriteLine({message.logger_name, spdlog::level::warn, text})) told_ = lost;
  }
  if (!WriteLine(message)) ++unwritten_;
}

bool LogSink::WriteLine(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t buffer;
  formatter_->format(message, buffer);
  const std::string_view line(buffer.data(), buffer.size());
  if (coloured_ && message.color_range_end > message.color_range_start) {
    return WriteAll(descriptor_, Coloured(message, line));
  }
  return WriteAll(descriptor_, line);
}

void LogSink::flush_() {
  const MutexLock lock(mutex_);
  ++flushes_;
  flushed_.notify_all();
}

}  // namespace smartbatch::program
