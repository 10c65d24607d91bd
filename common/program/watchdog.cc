#include "common/program/watchdog.h"

#include <cstdlib>

#include <spdlog/spdlog.h>

#include "common/program/flags.h"
#include "common/program/logging.h"

namespace smartbatch::program {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookEvery{20};

}  // namespace

Watchdog::Watchdog(std::chrono::nanoseconds limit)
    : end_(steady_clock::now().time_since_epoch() + limit),
      thread_([this](const std::stop_token& stop) { Watch(stop); }) {}

void Watchdog::Extend(std::chrono::nanoseconds more) { end_ = end_.load() + more; }

void Watchdog::Watch(const std::stop_token& stop) {
  while (steady_clock::now().time_since_epoch() < end_.load()) {
    if (stop.stop_requested()) return;
    std::this_thread::sleep_for(kLookEvery);
  }
  spdlog::critical("the program did not stop in time and is ended");
  FlushLog();
  std::_Exit(kExitError);
}

}  // namespace smartbatch::program
