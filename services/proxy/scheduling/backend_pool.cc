#include "services/proxy/scheduling/backend_pool.h"

#include <algorithm>
#include <utility>

namespace smartbatch::scheduling {

BackendId BackendPool::Add(std::string name, std::uint32_t slots, const CostModel& cost) {
  Backend backend(cost);
  backend.name = std::move(name);
  backend.slots = slots;
  backends_.push_back(std::move(backend));
  return static_cast<BackendId>(backends_.size() - 1);
}

void BackendPool::Remove(BackendId id) { backends_[id].removed = true; }

std::optional<BackendId> BackendPool::FreeSlot(Time now) const {
  std::optional<BackendId> best;
  for (BackendId id = 0; id < backends_.size(); ++id) {
    const Backend& backend = backends_[id];
    if (backend.removed || backend.in_flight >= backend.slots || backend.paused_until > now) continue;
    // A backend that has failed is tried with one batch before it gets all its slots back.
    if (backend.failures > 0 && backend.in_flight > 0) continue;
    if (!best) {
      best = id;
      continue;
    }
    const Backend& other = backends_[*best];
    const std::uint64_t share = std::uint64_t{backend.in_flight} * other.slots;
    const std::uint64_t other_share = std::uint64_t{other.in_flight} * backend.slots;
    if (share < other_share) best = id;
  }
  return best;
}

Time BackendPool::NextResume(Time now) const {
  Time resume = kNever;
  for (const Backend& backend : backends_) {
    const bool waits = !backend.removed && backend.in_flight < backend.slots && backend.paused_until > now;
    if (waits) resume = std::min(resume, backend.paused_until);
  }
  return resume;
}

void BackendPool::Succeeded(BackendId id) {
  Backend& backend = backends_[id];
  --backend.in_flight;
  backend.failures = 0;
  backend.paused_until = Time{};
}

void BackendPool::Observe(BackendId id, std::uint32_t sequences, std::uint32_t longest, double seconds) {
  Backend& backend = backends_[id];
  backend.fit.Observe(sequences, longest, seconds);
  backend.cost = backend.fit.model();
}

void BackendPool::Failed(BackendId id, Time now) {
  Backend& backend = backends_[id];
  --backend.in_flight;
  if (backend.failures == 0) backend.failing_since = now;
  const std::uint32_t doublings = std::min(backend.failures, 20U);
  ++backend.failures;
  const Duration pause = std::min(options_.pause_maximum, options_.pause_minimum * (std::int64_t{1} << doublings));
  backend.paused_until = Later(now, pause);
}

Time BackendPool::UnavailableAt() const {
  Time at = Time{};
  for (const Backend& backend : backends_) {
    if (backend.removed) continue;
    if (backend.failures == 0) return kNever;
    at = std::max(at, Later(backend.failing_since, options_.unavailable_after));
  }
  return at;
}

bool BackendPool::TakesLonger(std::uint32_t length, double seconds) const {
  const auto is_slower = [&](const Backend& backend) {
    return backend.removed || (backend.cost.Alone(length) > seconds && backend.fit.KnowsLength(length));
  };
  return !backends_.empty() && std::all_of(backends_.begin(), backends_.end(), is_slower);
}

CostModel BackendPool::TypicalCost() const {
  for (const Backend& backend : backends_) {
    if (!backend.removed) return backend.cost;
  }
  return CostModel{};
}

bool BackendPool::Unavailable(Time now) const {
  if (UnavailableAt() > now) return false;
  return std::all_of(backends_.begin(), backends_.end(),
                     [&](const Backend& backend) { return backend.removed || backend.paused_until > now; });
}

}  // namespace smartbatch::scheduling
