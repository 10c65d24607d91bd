#include "tools/loadgen/verbs/interruption.h"

#include <chrono>
#include <csignal>

#include <fmt/format.h>

namespace smartbatch::loadgen {
namespace {

constexpr std::chrono::milliseconds kLookEvery(100);

}  // namespace

Interruption::Interruption()
    : signals_({SIGINT, SIGTERM}), watcher_([this](const std::stop_token& end) {
        while (!end.stop_requested()) {
          if (!signals_.WaitFor(kLookEvery)) continue;
          fmt::print(stderr,
                     "\nloadgen: interrupted; the answers under way are awaited and what there is is written\n");
          stop_.request_stop();
          return;
        }
      }) {}

}  // namespace smartbatch::loadgen
