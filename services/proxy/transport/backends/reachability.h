// Whether any backend can be reached, for the log and for health checks of the proxy.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "common/time.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"

namespace smartbatch::transport {

// Tells once when the dispatcher has become unavailable (for unavailable_after every backend has been failing, or there
// has been none), and once when it is available again. It counts as available again once it has not been unavailable
// for a second, so that a backend that is tried again and fails again does not count. Both are logged as warnings. Not
// thread safe.
class Reachability {
 public:
  using Tell = std::function<void(bool reachable)>;

  // The dispatcher must outlive it. `troubles` returns what the warning says about the backends and their last errors.
  Reachability(const runtime::Dispatcher& dispatcher, std::function<std::string()> troubles, Tell tell);

  // Looks once, at the time `now`.
  void Look(Time now);
  // Looks ten times a second until it is asked to stop. Run it in a thread of its own.
  void Run(const runtime::Clock& clock, const std::stop_token& stop);

 private:
  const runtime::Dispatcher& dispatcher_;
  const std::function<std::string()> troubles_;
  const Tell tell_;
  std::optional<Time> unreachable_since_;  // as last told
  Time last_unavailable_{};
};

}  // namespace smartbatch::transport
