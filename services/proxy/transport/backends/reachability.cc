#include "services/proxy/transport/backends/reachability.h"
#include "common/sleep.h"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

namespace smartbatch::transport {
namespace {

constexpr std::chrono::milliseconds kInterval{100};
constexpr std::chrono::seconds kBackAfter{1};

}  // namespace

Reachability::Reachability(const runtime::Dispatcher& dispatcher, std::function<std::string()> troubles, Tell tell)
    : dispatcher_(dispatcher), troubles_(std::move(troubles)), tell_(std::move(tell)) {}

void Reachability::Look(Time now) {
  if (dispatcher_.IsUnavailable()) {
    last_unavailable_ = now;
    if (unreachable_since_) return;
    unreachable_since_ = now;
    spdlog::warn("no backend can be reached; calls are answered UNAVAILABLE: {}", troubles_());
    tell_(false);
    return;
  }
  if (!unreachable_since_ || now - last_unavailable_ < kBackAfter) return;
  spdlog::warn("a backend can be reached again, after {:.1f} s", ToSeconds(last_unavailable_ - *unreachable_since_));
  unreachable_since_.reset();
  tell_(true);
}

void Reachability::Run(const runtime::Clock& clock, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Look(clock.Now());
    SleepFor(kInterval, stop);
  }
}

}  // namespace smartbatch::transport
