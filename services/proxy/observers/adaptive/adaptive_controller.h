// The thread behind the strategy `adaptive`: it replays the last minutes and says which strategy to follow.
#pragma once

#include <cstddef>
#include <map>
#include <stop_token>
#include <string>

#include "common/mutex.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/scheduling/observer.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/simulation/advisor.h"

namespace smartbatch::adaptive {

// Remembers the arrivals, so that there is a past to replay when `adaptive` is chosen, and advises while it is active.
// The observer's methods are called under the dispatcher's lock and take a fraction of a microsecond. The replays run
// on the thread of Run, which rests nine times as long as it works, so they take at most a tenth of one core.
class AdaptiveController final : public scheduling::SchedulerObserver {
 public:
  // `customers` are the configured customers. The clock must outlive the controller.
  AdaptiveController(const scheduling::SchedulerOptions& options,
                     std::map<std::string, scheduling::CustomerPolicy> customers, const runtime::Clock& clock);

  // Replays the past with these options and customers from now on. Thread safe.
  void Reconfigure(const scheduling::SchedulerOptions& options,
                   std::map<std::string, scheduling::CustomerPolicy> customers);

  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;

  // Advises until it is asked to stop. Run it in a thread of its own.
  void Run(runtime::Dispatcher& dispatcher, const std::stop_token& stop);

 private:
  static constexpr std::size_t kMostRecentArrivals = 20'000;

  simulation::ReplaySetting SettingOf(const runtime::State& state) const;
  void Advise(runtime::Dispatcher& dispatcher, const runtime::State& state, simulation::Advisor& advisor);

  const runtime::Clock& clock_;

  mutable Mutex mutex_;
  scheduling::SchedulerOptions options_ SMARTBATCH_GUARDED_BY(mutex_);
  std::map<std::string, scheduling::CustomerPolicy> customers_ SMARTBATCH_GUARDED_BY(mutex_);
  simulation::RecentArrivals recent_ SMARTBATCH_GUARDED_BY(mutex_){kMostRecentArrivals};
};

}  // namespace smartbatch::adaptive
