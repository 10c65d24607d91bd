#include "common/program/limited_log.h"

#include <atomic>

namespace smartbatch::program {
namespace {

std::atomic<std::uint64_t>& LeftOut() {
  static std::atomic<std::uint64_t> count = 0;
  return count;
}

}  // namespace

std::optional<std::uint64_t> LogLimit::Admit(Clock::time_point now) {
  const MutexLock lock(mutex_);
  if (!began_ || now - *began_ >= window_) {
    began_ = now;
    admitted_ = 0;
  }
  if (admitted_ == lines_) {
    ++left_out_;
    ++LeftOut();
    return std::nullopt;
  }
  ++admitted_;
  return std::exchange(left_out_, 0);
}

std::uint64_t LeftOutLogLines() { return LeftOut(); }

}  // namespace smartbatch::program
