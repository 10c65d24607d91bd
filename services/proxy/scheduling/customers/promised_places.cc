#include "services/proxy/scheduling/customers/promised_places.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace smartbatch::scheduling {
namespace {

// The weight of the latest promise in the share of kept promises. The share never falls to 0: after a crowd that does
// not come back, two callers that do are still told different times.
constexpr double kSmoothing = 1.0 / 32;
constexpr double kLeastKept = 1.0 / 32;

}  // namespace

void PromisedPlaces::Forget(Time now) {
  while (!by_time_.empty() && by_time_.begin()->time < now - kGrace) {
    const Promise past = *by_time_.begin();
    Remove(past, false);
  }
}

QueueUse PromisedPlaces::Until(Time until) {
  if (until > soon_until_) {
    const Promise first{.time = soon_until_, .key = 0, .number = 0, .use = {}};
    for (auto promise = by_time_.lower_bound(first); promise != by_time_.end() && promise->time < until; ++promise) {
      soon_ += promise->use;
    }
    soon_until_ = until;
  }
  return Expected(soon_);
}

bool PromisedPlaces::Knows(std::uint64_t key) const { return Has(key, Time::max()); }

bool PromisedPlaces::Has(std::uint64_t key, Time now) const {
  const auto first = by_key_.lower_bound({.time = Time::min(), .key = key, .number = 0, .use = {}});
  return first != by_key_.end() && first->key == key && first->time <= now;
}

void PromisedPlaces::Take(std::uint64_t key, Time now) {
  if (!Has(key, now)) return;
  const Promise taken = *by_key_.lower_bound({.time = Time::min(), .key = key, .number = 0, .use = {}});
  Remove(taken, true);
}

void PromisedPlaces::Add(Time time, std::uint64_t key, const QueueUse& use) {
  if (by_time_.size() >= most_) return;
  const Promise promise{.time = time, .key = key, .number = ++promises_, .use = use};
  by_time_.insert(promise);
  by_key_.insert(promise);
  all_ += use;
  if (time < soon_until_) soon_ += use;
}

void PromisedPlaces::Remove(const Promise& promise, bool kept) {
  all_ -= promise.use;
  if (promise.time < soon_until_) soon_ -= promise.use;
  by_time_.erase(promise);
  by_key_.erase(promise);
  kept_ = std::max(kLeastKept, kept_ + kSmoothing * ((kept ? 1.0 : 0.0) - kept_));
}

QueueUse PromisedPlaces::Expected(const QueueUse& promised) const {
  const auto part = [this](std::uint64_t whole) {
    return static_cast<std::uint64_t>(std::ceil(kept_ * static_cast<double>(whole)));
  };
  return {part(promised.requests), part(promised.bytes), part(promised.cost_ns), part(promised.assumed_ns)};
}

}  // namespace smartbatch::scheduling
