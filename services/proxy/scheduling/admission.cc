#include "services/proxy/scheduling/admission.h"

#include <algorithm>

namespace smartbatch::scheduling {
namespace {

std::uint64_t Nanoseconds(Duration time) { return static_cast<std::uint64_t>(time.count()); }

QueueUse LimitsOfAll(const SchedulerOptions& options) {
  return {options.max_queued_requests, options.max_queued_bytes, Nanoseconds(options.max_queued_cost)};
}

// The three limits have reasons that stand together, once for the whole queue and once for a customer.
RejectReason ReasonOf(QueueLimit limit, RejectReason requests) {
  return static_cast<RejectReason>(static_cast<int>(requests) + static_cast<int>(limit));
}

}  // namespace

std::optional<QueueLimit> Admission::FullFor(const Arrival& arrival) const {
  return LimitReached(pending_.unfinished(), arrival.bytes, LimitsOfAll(options_));
}

QueueUse Admission::LimitsOf(const Customer& customer) const {
  const CustomerPolicy& policy = customer.policy;
  return {policy.max_queued_requests.value_or(options_.max_queued_requests_per_customer),
          policy.max_queued_bytes.value_or(options_.max_queued_bytes_per_customer),
          Nanoseconds(policy.max_queued_cost.value_or(options_.max_queued_cost_per_customer))};
}

std::uint64_t Admission::PredictedCost(const Arrival& arrival) const {
  const CostModel cost = backends_.TypicalCost();
  double seconds = 0;
  for (const std::uint32_t length : arrival.lengths) seconds += cost.Alone(length);
  return Nanoseconds(FromSeconds(seconds));
}

// While a backend that can be used has a free slot nothing is certain. Else no batch starts before the first of those
// that run ends, or a pause. A backend that is added, or well again, before that cannot be foreseen.
Duration Admission::PredictedWait(Time now) const {
  if (backends_.FreeSlot(now)) return Duration::zero();
  const Time resume = backends_.NextResume(now);
  const std::optional<Duration> end = running_.UntilOneEnds(backends_, now);
  if (resume == kNever) return end.value_or(Duration::zero());
  return std::min(end.value_or(Duration::max()), resume - now);
}

// Even if the longest sequence left in the next slot, on the fastest backend, and both the wait for that slot and its
// service took a fifth less than they are believed to. The queue ahead does not count: the strategy may let a short
// request pass all of it.
bool Admission::CannotBeMet(const Arrival& arrival, Time now) const {
  constexpr double kCautious = 0.8;
  if (arrival.deadline == kNever) return false;
  const std::uint32_t longest = *std::max_element(arrival.lengths.begin(), arrival.lengths.end());
  const double left = ToSeconds(arrival.deadline - now) / kCautious;
  if (backends_.TakesLonger(longest, left)) return true;
  const double wait = ToSeconds(PredictedWait(now));
  // What is dear is asked last: hardly any request gets there.
  return wait > 0 && backends_.TakesLonger(longest, left - wait) && running_.ArePredictable(backends_);
}

std::optional<RejectReason> Admission::ReasonToReject(const Arrival& arrival, const Customer* customer,
                                                      Time now) const {
  if (!open_) return RejectReason::kShuttingDown;
  if (arrival.deadline <= now) return RejectReason::kDeadlinePassed;
  if (CannotBeMet(arrival, now)) return RejectReason::kDeadlineTooSoon;
  if (backends_.Unavailable(now)) return RejectReason::kNoBackend;
  // A customer without an account has nothing in the queue, and one request may be as large as its limit.
  static const Customer kNew;
  const Customer& asking = customer != nullptr ? *customer : kNew;
  if (const auto limit = LimitReached(asking.unfinished, arrival.bytes, LimitsOf(asking))) {
    return ReasonOf(*limit, RejectReason::kCustomerQueueFull);
  }
  if (const auto limit = FullFor(arrival)) return ReasonOf(*limit, RejectReason::kQueueFull);
  return std::nullopt;
}

bool Admission::MakeRoom(RejectReason reason, const Arrival& arrival, const Customer* customer, Time now,
                         absl::FunctionRef<void(PendingRequest&)> shed) {
  constexpr int kMostShed = 8;
  const bool queue_is_full =
      reason == RejectReason::kQueueFull || reason == RejectReason::kBytesFull || reason == RejectReason::kCostFull;
  if (!queue_is_full) return false;
  std::uint64_t work = customer == nullptr ? 0 : customer->waiting_work;
  for (const std::uint32_t length : arrival.lengths) work += pending_.WorkOf(length);
  const double share = static_cast<double>(work) / (customer == nullptr ? 1 : customer->policy.weight);
  for (int i = 0; i < kMostShed && FullFor(arrival); ++i) {
    // Never the one that asks: it has less than `share`, which counts the request.
    Customer* const heaviest = heaviest_.Find(customers_.backlogged(), now);
    if (heaviest == nullptr || HeaviestCustomer::ShareOf(*heaviest) <= share) return false;
    shed(heaviest->waiting.back());
  }
  // Many cheap requests make little room for a costly one. Who has less than the heaviest gets in all the same, up to
  // twice the limit: else one costly request would have everybody refused until as much cheap work is done.
  QueueUse limits = LimitsOfAll(options_);
  limits.cost_ns *= 2;
  return !LimitReached(pending_.unfinished(), arrival.bytes, limits);
}

Rejection Admission::RejectionFor(RejectReason reason, const Customer* customer, Time now) const {
  // A full queue has room again after one answer; a tenth of it is a better moment to return.
  const auto after_a_tenth = [this](std::uint64_t requests) { return answers_.TimeFor(1 + requests / 10); };
  const auto milliseconds = [](Duration cost) { return Nanoseconds(cost) / 1'000'000; };
  const std::uint64_t queued = pending_.unfinished_requests();
  switch (reason) {
    case RejectReason::kBytesFull:
      return {reason, after_a_tenth(queued), options_.max_queued_bytes};
    case RejectReason::kCostFull:
      return {reason, after_a_tenth(queued), milliseconds(options_.max_queued_cost)};
    case RejectReason::kCustomerQueueFull: {
      const std::uint64_t limit = LimitsOf(*customer).requests;
      return {reason, after_a_tenth(limit), limit};
    }
    case RejectReason::kCustomerBytesFull:
      if (customer == nullptr) return {reason, Duration::zero(), options_.max_queued_bytes_per_customer};
      return {reason, after_a_tenth(customer->unfinished.requests), LimitsOf(*customer).bytes};
    case RejectReason::kCustomerCostFull:
      return {reason, after_a_tenth(customer->unfinished.requests), LimitsOf(*customer).cost_ns / 1'000'000};
    case RejectReason::kNoBackend: {
      const Time resume = backends_.NextResume(now);
      return {reason, resume == kNever ? options_.backends.pause_maximum : resume - now};
    }
    case RejectReason::kQueueFull:
    case RejectReason::kShuttingDown:
    case RejectReason::kDeadlinePassed:
    case RejectReason::kDeadlineTooSoon:
      break;
  }
  return {reason, after_a_tenth(options_.max_queued_requests), options_.max_queued_requests};
}

}  // namespace smartbatch::scheduling
