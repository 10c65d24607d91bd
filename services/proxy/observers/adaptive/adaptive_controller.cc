#include "services/proxy/observers/adaptive/adaptive_controller.h"
#include "common/sleep.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <absl/container/inlined_vector.h>
#include <spdlog/spdlog.h>

namespace smartbatch::adaptive {
namespace {

// How many times as long the thread rests as it works.
constexpr int kRestForWork = 9;
constexpr std::chrono::milliseconds kLookInterval{500};

}  // namespace

AdaptiveController::AdaptiveController(const scheduling::SchedulerOptions& options,
                                       std::map<std::string, scheduling::CustomerPolicy> customers,
                                       const runtime::Clock& clock)
    : clock_(clock), options_(options), customers_(std::move(customers)) {}

void AdaptiveController::Reconfigure(const scheduling::SchedulerOptions& options,
                                     std::map<std::string, scheduling::CustomerPolicy> customers) {
  // The swap moves the old customers into the parameter, so they are destroyed only after the lock, for which every
  // request waits, is released.
  const MutexLock lock(mutex_);
  options_ = options;
  customers_.swap(customers);
}

void AdaptiveController::Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) {
  absl::InlinedVector<std::uint32_t, 5> lengths;
  for (const scheduling::PendingSequence& sequence : request.sequences) lengths.push_back(sequence.length);
  const MutexLock lock(mutex_);
  recent_.Add(customer.name, lengths, request.deadline, request.arrival);
}

simulation::ReplaySetting AdaptiveController::SettingOf(const runtime::State& state) const {
  simulation::ReplaySetting setting;
  {
    const MutexLock lock(mutex_);
    setting.scheduler = simulation::WithoutQueueLimits(options_);
    setting.customers = customers_;
  }
  for (auto& [name, policy] : setting.customers) policy.max_queued_requests.reset();
  for (const runtime::BackendState& backend : state.backends) {
    setting.backends.push_back(simulation::BelievedBackend(backend.name, backend.slots, backend.cost));
  }
  return setting;
}

void AdaptiveController::Advise(runtime::Dispatcher& dispatcher, const runtime::State& state,
                                simulation::Advisor& advisor) {
  const Time now = clock_.Now();
  simulation::Trace recent;
  {
    const MutexLock lock(mutex_);
    recent = recent_.Since(now - advisor.options().window);
  }
  const auto advice = advisor.Consider(recent, SettingOf(state), state.deciding_strategy, now);
  if (!advice.ok()) {
    spdlog::warn("adaptive: the last minutes could not be replayed: {}", advice.status().ToString());
    return;
  }
  if (advice->change) {
    spdlog::info("adaptive: {} -> {}, predicted gain {:.0f} %, {}", state.deciding_strategy, advice->strategy,
                 100 * advice->gain, advice->reason);
  }
  // Fails only if somebody chose another strategy meanwhile, which takes precedence over this advice.
  if (const auto status = dispatcher.TakeAdvice(advice->strategy, {advice->reason, advice->gain, advice->scores});
      !status.ok()) {
    spdlog::debug("adaptive: {}", status.ToString());
  }
}

void AdaptiveController::Run(runtime::Dispatcher& dispatcher, const std::stop_token& stop) {
  std::optional<simulation::Advisor> advisor;
  std::uint64_t generation = 0;
  Time next{};
  while (!stop.stop_requested()) {
    SleepFor(kLookInterval, stop);
    const runtime::State state = dispatcher.Look(0);
    const std::optional<simulation::AdvisorOptions> options = simulation::AdvisorOptions::For(state.strategy);
    if (!options) {
      advisor.reset();
      continue;
    }
    if (!advisor || state.generation != generation) {
      advisor.emplace(*options);
      generation = state.generation;
      next = clock_.Now() + advisor->options().interval;
    }
    const Time start = clock_.Now();
    if (start < next) continue;
    Advise(dispatcher, state, *advisor);
    const Duration worked = clock_.Now() - start;
    next = start + std::max(advisor->options().interval, worked * (1 + kRestForWork));
  }
}

}  // namespace smartbatch::adaptive
