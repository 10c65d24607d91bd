#include "services/proxy/transport/backends/reachability.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
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
    spdlog::warn("no backend can be reached, calls are answered UNAVAILABLE: {}", troubles_());
    tell_(false);
    return;
  }
  if (!unreachable_since_ || now - last_unavailable_ < kBackAfter) return;
  spdlog::warn("a backend can be reached again, after {:.1f} s", ToSeconds(last_unavailable_ - *unreachable_since_));
  unreachable_since_.reset();
  tell_(true);
}

void Reachability::Run(const runtime::Clock& clock, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never_notified;
  while (!stop.stop_requested()) {
    Look(clock.Now());
    std::unique_lock lock(mutex);
    never_notified.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

}  // namespace smartbatch::transport
