#include "services/proxy/observers/live_page/recent_answers.h"

#include <algorithm>
#include <utility>

#include "common/statistics.h"

namespace smartbatch::live_page {
namespace {

constexpr char kOthers[] = "(others)";

std::int64_t Nanoseconds(Time time) { return time.time_since_epoch().count(); }

std::optional<double> PercentileOf(const Sample& sample, double percent) {
  return sample.empty() ? std::nullopt : std::optional(sample.Percentile(percent));
}

}  // namespace

void RecentAnswers::Accepted(const scheduling::Customer&, const scheduling::PendingRequest& request) {
  if (!IsWatched(request.arrival)) return;
  if (request.id.slot >= arrived_.size()) arrived_.resize(request.id.slot + 1);
  std::uint32_t longest = 0;
  for (const scheduling::PendingSequence& sequence : request.sequences) longest = std::max(longest, sequence.length);
  arrived_[request.id.slot] = {request.id.number, longest};
}

void RecentAnswers::Rejected(std::string_view customer, std::string_view, scheduling::RejectReason reason) {
  if (watched_until_.load(std::memory_order_relaxed) == 0) return;
  const Time now = clock_.Now();
  if (!IsWatched(now)) return;
  Keep({.time = now, .kind = Kind::kRejected, .reason = reason}, customer);
}

void RecentAnswers::Ended(const scheduling::Finished& finished) {
  if (!IsWatched(finished.finish)) return;
  using scheduling::Outcome;
  const Kind kind = finished.outcome == Outcome::kAnswered ? Kind::kAnswered
                    : finished.outcome == Outcome::kShed   ? Kind::kShed
                                                           : Kind::kFailed;
  End end{.time = finished.finish, .latency = finished.finish - finished.arrival, .kind = kind};
  const std::uint32_t slot = finished.id.slot;
  if (slot < arrived_.size() && arrived_[slot].number == finished.id.number) end.longest = arrived_[slot].longest;
  Keep(end, finished.customer);
}

void RecentAnswers::Keep(End end, std::string_view customer) {
  const MutexLock lock(mutex_);
  end.customer = PlaceOf(customer);
  if (ring_.size() < kCapacity) {
    ring_.push_back(end);
  } else {
    ring_[next_] = end;
    next_ = (next_ + 1) % kCapacity;
  }
}

std::uint32_t RecentAnswers::PlaceOf(std::string_view customer) {
  const auto found = places_.find(customer);
  if (found != places_.end()) return found->second;
  if (names_.size() >= kMostCustomers && customer != kOthers) return PlaceOf(kOthers);
  const auto place = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(customer);
  places_.emplace(customer, place);
  return place;
}

RecentFigures RecentAnswers::Look(const std::function<double(std::uint32_t)>& alone) {
  const Time now = clock_.Now();
  std::vector<End> ends;
  std::vector<std::string> names;
  Time since{};
  {
    const MutexLock lock(mutex_);
    if (!IsWatched(now)) {
      since_ = now;
      ring_.clear();
      next_ = 0;
      names_.clear();
      places_.clear();
    }
    watched_until_.store(Nanoseconds(now + kInterest), std::memory_order_relaxed);
    since = since_;
    ends = ring_;
    names = names_;
    // A full ring has overwritten what is older than its oldest entry, so the figures begin there.
    if (ring_.size() == kCapacity) since = std::max(since, ring_[next_].time);
  }
  since = std::max(since, now - kLongest);

  RecentFigures figures{.span = now - since, .customers = {}, .refusals = {}};
  struct Samples {
    Sample latencies_ms;
    Sample slowdowns;
  };
  std::map<std::string, Samples> samples;
  for (const End& end : ends) {
    if (end.time < since) continue;
    const std::string& name = names[end.customer];
    CustomerFigures& customer = figures.customers[name];
    if (end.kind == Kind::kAnswered) {
      ++customer.answered;
      samples[name].latencies_ms.Add(ToMilliseconds(end.latency));
      const double seconds = end.longest > 0 ? alone(end.longest) : 0;
      if (seconds > 0) samples[name].slowdowns.Add(ToSeconds(end.latency) / seconds);
    } else if (end.kind == Kind::kFailed) {
      ++customer.failed;
    } else {
      ++customer.refused;
    }
    if (end.kind == Kind::kRejected) ++figures.refusals[static_cast<std::size_t>(end.reason)];
  }
  for (const auto& [name, of] : samples) {
    CustomerFigures& customer = figures.customers[name];
    customer.p50_ms = PercentileOf(of.latencies_ms, 50);
    customer.p95_ms = PercentileOf(of.latencies_ms, 95);
    customer.slowdown = PercentileOf(of.slowdowns, 50);
  }
  return figures;
}

}  // namespace smartbatch::live_page
