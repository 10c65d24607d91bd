// The file that log lines are written to, such as standard error.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <string_view>

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include "common/mutex.h"

namespace smartbatch::program {

// An spdlog sink that writes each line with one system call, and waits as long as the reader makes it wait. So it is
// for a logger whose lines are written by a thread of their own, and by one thread at a time. Lines are coloured if the
// file is a terminal. A line that cannot be written, because the reader has gone or the disk is full, is lost and
// counted.
class LogSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  // `overrun` returns how many lines were lost since the start before they reached this sink. After lines were lost, a
  // line that says how many is written before the next one.
  LogSink(int descriptor, std::function<std::uint64_t()> overrun);

  // How many lines could not be written. Thread safe.
  std::uint64_t unwritten() const { return unwritten_; }
  // How often flush() has been called. Thread safe.
  std::uint64_t flushes() const;
  // Waits until flush() has been called more than `flushes` times, at most `timeout`. Thread safe.
  void WaitForFlush(std::uint64_t flushes, std::chrono::milliseconds timeout);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override;

 private:
  // Returns false if the line could not be written.
  bool WriteLine(const spdlog::details::log_msg& message);

  const int descriptor_;
  const bool coloured_;
  const std::function<std::uint64_t()> overrun_;
  std::atomic<std::uint64_t> unwritten_ = 0;
  std::uint64_t told_ = 0;
  mutable Mutex mutex_;
  std::condition_variable_any flushed_;
  std::uint64_t flushes_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

}  // namespace smartbatch::program
