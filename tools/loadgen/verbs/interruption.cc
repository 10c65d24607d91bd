#include "tools/loadgen/verbs/interruption.h"

#include <unistd.h>

#include <chrono>
#include <csignal>

#include <fmt/format.h>

#include "tools/loadgen/verbs/exit_codes.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::chrono::milliseconds kLookEvery(100);

}  // namespace

Interruption::Interruption()
    : signals_({SIGINT, SIGTERM}), watcher_([this](const std::stop_token& end) {
        while (!end.stop_requested()) {
          if (!signals_.WaitFor(kLookEvery)) continue;
          if (stop_.stop_requested()) {
            fmt::print(stderr, "loadgen: interrupted again; stopped at once, and what was measured is lost\n");
            // Without destructors: they would wait, which the caller no longer wants.
            _exit(kExitInterrupted);
          }
          fmt::print(stderr,
                     "\nloadgen: interrupted; waiting for the answers under way, then the results so far are written "
                     "(interrupt again to stop at once)\n");
          stop_.request_stop();
        }
      }) {}

}  // namespace smartbatch::loadgen
