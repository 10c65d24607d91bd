#include "services/proxy/scheduling/backends/backend_pool.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

// Shares of a batch's predicted cost: the first rest, and what each further refusal in a row adds.
constexpr double kFirstRest = 0.125;

}  // namespace

BackendId BackendPool::Add(std::string name, std::uint32_t slots, const CostModel& cost) {
  Backend backend(cost);
  auto place = backends_.end();
  for (auto known = backends_.begin(); known != backends_.end(); ++known) {
    if (!known->removed) continue;
    const bool same = known->name == name;
    if (same) {
      backend.cost = known->cost;
      backend.fit = known->fit;
      backend.longest_confirmed = known->longest_confirmed;
    }
    if (known->in_flight == 0 && (same || place == backends_.end())) place = known;
  }
  backend.name = std::move(name);
  backend.slots = slots;
  ++count_;
  without_since_.reset();
  if (place != backends_.end()) {
    *place = std::move(backend);
    return static_cast<BackendId>(place - backends_.begin());
  }
  backends_.push_back(std::move(backend));
  return static_cast<BackendId>(backends_.size() - 1);
}

void BackendPool::Remove(BackendId id) {
  if (backends_[id].removed) return;
  backends_[id].removed = true;
  --count_;
}

bool BackendPool::HasRoom(BackendId id, Time now) const {
  const Backend& backend = backends_[id];
  // A backend that has failed is tried with one batch before it gets all its slots back.
  const bool is_tried = backend.failures > 0 && backend.in_flight > 0;
  return CanBeUsed(backend, now) && backend.in_flight < backend.slots && backend.rests_until <= now && !is_tried;
}

std::optional<BackendId> BackendPool::FreeSlot(Time now, std::optional<BackendId> avoided, bool for_suspect) const {
  std::optional<BackendId> best;
  for (BackendId id = 0; id < backends_.size(); ++id) {
    const Backend& backend = backends_[id];
    if (id == avoided || backend.held_back || !HasRoom(id, now)) continue;
    if (for_suspect && backend.suspects > 0) continue;
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

std::uint32_t BackendPool::UsableSlots(Time now) const {
  std::uint32_t slots = 0;
  for (const Backend& backend : backends_) {
    if (CanBeUsed(backend, now)) slots += backend.slots;
  }
  return std::max(slots, 1U);
}

bool BackendPool::HasOther(BackendId id, Time now) const {
  for (BackendId other = 0; other < backends_.size(); ++other) {
    if (other != id && CanBeUsed(backends_[other], now)) return true;
  }
  return false;
}

Time BackendPool::NextResume(Time now) const {
  Time resume = kNever;
  for (const Backend& backend : backends_) {
    const Time ready = std::max(backend.paused_until, backend.rests_until);
    const bool waits = !backend.removed && backend.healthy && backend.in_flight < backend.slots && ready > now;
    if (waits) resume = std::min(resume, ready);
  }
  return resume;
}

// --- How batches end ---

bool BackendPool::WasSlow(const Backend& backend, const Batch& batch, double seconds) const {
  return seconds > options_.slow_factor * batch.predicted_seconds + ToSeconds(kSlowAllowance) &&
         backend.fit.KnowsLength(batch.longest);
}

void BackendPool::Succeeded(BackendId id, const Batch& batch, double seconds, bool learn, Time now) {
  Backend& backend = backends_[id];
  backend.errors = 0;
  backend.busy = 0;
  ++backend.served_since_failure;
  if (backend.failures > 0) backend.size_limit.Forget();  // it may be a different one now
  backend.size_limit.Served(static_cast<std::uint32_t>(batch.members.size()));
  if (backend.shared_until > now) Rest(backend, batch, kFirstRest, now);
  if (WasSlow(backend, batch, seconds) && HasOther(id, now)) {
    ++backend.slow;
    if (backend.slow < kSlowToBelieve) {
      // The fit does not learn from it: it would mistake the backend's trouble for the cost of its batches.
      if (backend.slow >= kSlowToPause) return Failed(id, now);
      --backend.in_flight;
      return;
    }
    backend.fit = CostFit(backend.cost);
  }
  --backend.in_flight;
  backend.slow = 0;
  backend.failures = 0;
  backend.paused_until = Time{};
  if (learn) Learn(backend, batch, seconds);
}

// A few batches of short texts say nothing about long ones: the first model is the prior, scaled to them, and may
// believe that a long text takes hours. So each length must be taught by a batch, and anew if a later model believes
// much more.
void BackendPool::Learn(Backend& backend, const Batch& batch, double seconds) {
  constexpr double kMuchMore = 4;
  const auto sequences = static_cast<std::uint32_t>(batch.members.size());
  backend.fit.Observe(sequences, batch.longest, seconds);
  if (backend.fit.batches() < CostFit::kFirstSamples) return;
  const CostModel before = std::exchange(backend.cost, backend.fit.model());
  const std::uint32_t taught = backend.TaughtLength();
  if (backend.cost.Alone(taught) > kMuchMore * before.Alone(taught)) backend.longest_confirmed = 0;
  if (backend.cost.Seconds(sequences, batch.longest) > kMuchMore * seconds) return;
  backend.longest_confirmed = std::max(backend.longest_confirmed, batch.longest);
}

void BackendPool::Pause(Backend& backend, Time now) {
  if (backend.failures == 0) backend.failing_since = now;
  const std::uint32_t doublings = std::min(backend.failures, 20U);
  ++backend.failures;
  const Duration pause = std::min(options_.pause_maximum, options_.pause_minimum * (std::int64_t{1} << doublings));
  backend.paused_until = Later(now, pause);
}

void BackendPool::Rest(Backend& backend, const Batch& batch, double share, Time now) const {
  // Drawn from the batch's number, so that a replay of the same events draws the same.
  const double drawn = Random::Stream(options_.seed, batch.id).Uniform();
  const Duration longest = std::clamp(FromSeconds(share * batch.counted_seconds), kShortestRest, kLongestRest);
  backend.rests_until = Later(now, std::max(Duration(1), FromSeconds(drawn * ToSeconds(longest))));
}

bool BackendPool::RefusedForTooLong(BackendId id, const Batch& batch, Time now) {
  Backend& backend = backends_[id];
  if (backend.busy == 0 || now >= backend.shared_until) {
    backend.busy = 0;
    backend.busy_since = now;
  }
  ++backend.busy;
  backend.shared_until = Later(now, std::max(kSharedFor, FromSeconds(kSharedForBatches * batch.counted_seconds)));
  return now - backend.busy_since >= kBusyForTooLong;
}

void BackendPool::Busy(BackendId id, const Batch& batch, Time now) {
  Backend& backend = backends_[id];
  --backend.in_flight;
  // A refusal is an answer: the backend works.
  backend.failures = 0;
  backend.paused_until = Time{};
  Rest(backend, batch, std::min(1.0, kFirstRest * backend.busy), now);
}

void BackendPool::Failed(BackendId id, Time now) {
  --backends_[id].in_flight;
  backends_[id].served_since_failure = 0;
  Pause(backends_[id], now);
}

void BackendPool::FailedForContent(BackendId id, Time now) {
  Backend& backend = backends_[id];
  --backend.in_flight;
  ++backend.errors;
  // The last usable backend stays: callers that send only what fails must not take it from the others.
  if (backend.errors >= options_.max_consecutive_errors && HasOther(id, now)) Pause(backend, now);
}

bool BackendPool::HealthChecked(BackendId id, HealthReport report, Time now) {
  Backend& backend = backends_[id];
  backend.checks_without_answer = report == HealthReport::kNoAnswer ? backend.checks_without_answer + 1 : 0;
  bool healthy = backend.healthy;
  if (report == HealthReport::kServing) healthy = true;
  if (report == HealthReport::kNotServing || backend.checks_without_answer >= kChecksToTakeOut) healthy = false;
  if (healthy == backend.healthy) return false;
  if (healthy) backend.size_limit.Forget();
  backend.healthy = healthy;
  backend.unhealthy_since = now;
  return true;
}

// --- All of them ---

Time BackendPool::UnavailableAt() const {
  if (count_ == 0) return without_since_ ? Later(*without_since_, options_.unavailable_after) : kNever;
  Time at = Time{};
  for (const Backend& backend : backends_) {
    if (backend.removed) continue;
    if (backend.works()) return kNever;
    Time since = kNever;
    if (backend.failures > 0) since = backend.failing_since;
    if (!backend.healthy) since = std::min(since, backend.unhealthy_since);
    at = std::max(at, Later(since, options_.unavailable_after));
  }
  return at;
}

bool BackendPool::Unavailable(Time now) const {
  if (UnavailableAt() > now) return false;
  return std::none_of(backends_.begin(), backends_.end(),
                      [&](const Backend& backend) { return CanBeUsed(backend, now); });
}

bool BackendPool::TakesLonger(std::uint32_t length, double seconds) const {
  bool there_is_one = false;
  for (const Backend& backend : backends_) {
    if (backend.removed) continue;
    if (backend.cost.Alone(length) <= seconds || !backend.fit.KnowsLength(length)) return false;
    there_is_one = true;
  }
  return there_is_one;
}

double BackendPool::LeastAlone(std::uint32_t length) const {
  std::optional<double> least;
  for (const Backend& backend : backends_) {
    if (!backend.removed) least = std::min(least.value_or(HUGE_VAL), backend.cost.Alone(length));
  }
  return least.value_or(TypicalCost().Alone(length));
}

std::uint32_t BackendPool::Slots() const {
  std::uint32_t slots = 0;
  for (const Backend& backend : backends_) {
    if (!backend.removed) slots += backend.slots;
  }
  return slots;
}

// --- What they cost ---

const Backend* BackendPool::Typical() const {
  for (const Backend& backend : backends_) {
    if (!backend.removed) return &backend;
  }
  return backends_.empty() ? nullptr : &backends_.front();
}

const Backend* BackendPool::TeacherOf(std::uint32_t length) const {
  const Backend* gone = nullptr;
  for (const Backend& backend : backends_) {
    if (backend.TaughtLength() < length) continue;
    if (!backend.removed) return &backend;
    if (gone == nullptr) gone = &backend;
  }
  return gone;
}

BelievedCost BackendPool::Belief(const Backend& backend) const {
  BelievedCost belief{backend.cost};
  if (options_.costs_are_assumed) belief.known_length = backend.TaughtLength();
  return belief;
}

CostModel BackendPool::TypicalCost() const {
  const Backend* const typical = Typical();
  return typical == nullptr ? CostModel{} : typical->cost;
}

BelievedCost BackendPool::TypicalCost(std::uint32_t length) const {
  const Backend* const typical = Typical();
  if (typical == nullptr) return {.model = {}, .known_length = 0};
  if (options_.costs_are_assumed) {
    const Backend* const teacher = TeacherOf(length);
    return Belief(teacher == nullptr ? *typical : *teacher);
  }
  const CostModel& told = typical->fit.configured();
  const bool is_extrapolated = typical->TaughtLength() < length && typical->cost.Alone(length) > told.Alone(length);
  return {is_extrapolated ? told : typical->cost};
}

BelievedCost BackendPool::TaughtCost() const {
  std::uint32_t taught = 0;
  for (const Backend& backend : backends_) {
    if (!backend.removed) taught = std::max(taught, backend.TaughtLength());
  }
  return TypicalCost(taught);
}

BelievedCost BackendPool::CostOf(BackendId id, std::uint32_t length) const {
  const BelievedCost own = OwnCost(id);
  if (own.Knows(length)) return own;
  const Backend* const teacher = TeacherOf(length);
  return teacher == nullptr ? own : Belief(*teacher);
}

}  // namespace smartbatch::scheduling
