#include "services/proxy/scheduling/admission/admission.h"

#include <algorithm>
#include <memory>
#include <string_view>

namespace smartbatch::scheduling {
namespace {

std::uint64_t Nanoseconds(Duration time) { return static_cast<std::uint64_t>(time.count()); }

QueueUse LimitsOfAll(const SchedulerOptions& options) {
  return {.requests = options.max_queued_requests,
          .bytes = options.max_queued_bytes,
          .cost_ns = Nanoseconds(options.max_queued_cost)};
}

// Recognizes a request that comes again, as well as possible: FNV-1a over its customer, its lengths and its bytes.
class RequestKey {
 public:
  explicit RequestKey(std::string_view customer) {
    for (const char letter : customer) Mix(static_cast<unsigned char>(letter));
  }
  void Mix(std::uint64_t value) {
    constexpr std::uint64_t kPrime = 0x100000001b3;
    key_ = (key_ ^ value) * kPrime;
  }
  std::uint64_t value() const { return key_; }

 private:
  std::uint64_t key_ = 0xcbf29ce484222325;
};

std::uint64_t KeyOf(const Arrival& arrival) {
  RequestKey key(arrival.customer);
  for (const std::uint32_t length : arrival.lengths) key.Mix(length);
  key.Mix(arrival.bytes);
  return key.value();
}

std::uint64_t KeyOf(const PendingRequest& request) {
  RequestKey key(request.customer->name);
  for (const PendingSequence& sequence : request.sequences) key.Mix(sequence.length);
  key.Mix(request.use.bytes);
  return key.value();
}

// Puts the forecast after the last promised place. A forecast varies with the rate that it is based on, the more the
// further ahead it looks. But a place comes free at least `spacing` after the one before, whatever the forecast:
// otherwise many places would be promised at once when the rate is believed to be higher. If the last promise is far
// beyond the forecast it was based on a wrong belief, and the forecast alone counts.
Time InOrder(const Waitlist& waitlist, Time forecast, Duration spacing, Time now) {
  if (waitlist.places.empty()) return forecast;
  const Time after_last = Later(waitlist.last_place, spacing);
  return after_last - now > 2 * (forecast - now) ? forecast : std::max(forecast, after_last);
}

// Equal requests cannot be told apart, so a new one takes a promised place if it comes after the promised time but
// before the caller that was told that time. So equal requests are all told the same few times.
Time AtGate(Time time) {
  constexpr Duration kBetweenGates = std::chrono::milliseconds(50);
  return time + kBetweenGates - time.time_since_epoch() % kBetweenGates;
}

// The reasons of the three limits are consecutive, once for the whole queue and once for a customer.
RejectReason ReasonOf(QueueLimit limit, RejectReason requests) {
  return static_cast<RejectReason>(static_cast<int>(requests) + static_cast<int>(limit));
}

}  // namespace

std::optional<QueueLimit> Admission::FullFor(const Arrival& arrival) const {
  return LimitReached(pending_.unfinished(), arrival.bytes, LimitsOfAll(options_));
}

QueueUse Admission::LimitsOf(const Customer& customer) const {
  const CustomerPolicy& policy = customer.policy;
  return {.requests = policy.max_queued_requests.value_or(options_.max_queued_requests_per_customer),
          .bytes = policy.max_queued_bytes.value_or(options_.max_queued_bytes_per_customer),
          .cost_ns = Nanoseconds(policy.max_queued_cost.value_or(options_.max_queued_cost_per_customer))};
}

QueueUse Admission::UseOf(const Arrival& arrival) const {
  const std::uint32_t longest = *std::max_element(arrival.lengths.begin(), arrival.lengths.end());
  const BelievedCost cost = backends_.TypicalCost(longest);
  double seconds = 0;
  for (const std::uint32_t length : arrival.lengths) seconds += cost.CountedSeconds(1, length);
  const std::uint64_t cost_ns = Nanoseconds(FromSeconds(seconds));
  return {.requests = 1, .bytes = arrival.bytes, .cost_ns = cost_ns, .assumed_ns = cost.Knows(longest) ? 0 : cost_ns};
}

// Zero while a usable backend has a free slot. Otherwise no batch starts before the first running batch or the first
// pause ends. A backend that is added or healthy again before that cannot be foreseen.
Duration Admission::PredictedWait(Time now) const {
  if (backends_.FreeSlot(now)) return Duration::zero();
  const Time resume = backends_.NextResume(now);
  const std::optional<Duration> end = running_.UntilOneEnds(backends_, now);
  if (resume == kNever) return end.value_or(Duration::zero());
  return std::min(end.value_or(Duration::max()), resume - now);
}

// Returns true if the deadline is missed even if the longest sequence leaves in the next slot, on the fastest backend,
// and both the wait for that slot and the service take a fifth less than believed. The queue ahead does not count: the
// strategy may let a short request pass all of it.
bool Admission::CannotBeMet(const Arrival& arrival, Time now) const {
  constexpr double kCautious = 0.8;
  if (arrival.deadline == kNever) return false;
  const std::uint32_t longest = *std::max_element(arrival.lengths.begin(), arrival.lengths.end());
  const double left = ToSeconds(arrival.deadline - now) / kCautious;
  if (backends_.TakesLonger(longest, left)) return true;
  const double wait = ToSeconds(PredictedWait(now));
  // The most expensive check comes last: hardly any request gets there.
  return wait > 0 && backends_.TakesLonger(longest, left - wait) && running_.ArePredictable(backends_);
}

std::optional<QueueLimit> Admission::FullOrPromised(const Arrival& arrival, const QueueUse& unfinished,
                                                    const QueueUse& limits, Waitlist* waitlist, Time now) {
  if (const auto limit = LimitReached(unfinished, arrival.bytes, limits)) return limit;
  if (waitlist == nullptr || waitlist->places.empty()) return std::nullopt;
  PromisedPlaces& places = waitlist->places;
  places.Forget(now);
  const std::uint64_t round = std::uint64_t{options_.max_batch_size} * backends_.UsableSlots(now);
  if (places.empty() || pending_.waiting_sequences() < round || places.Has(KeyOf(arrival), now)) return std::nullopt;
  QueueUse with_promised = unfinished;
  with_promised += places.Until(Later(now, forecast_.Lasting(waitlist_.answers, now)));
  return LimitReached(with_promised, arrival.bytes, limits);
}

std::optional<RejectReason> Admission::ReasonToReject(const Arrival& arrival, const Customer* customer, Time now) {
  if (!open_) return RejectReason::kShuttingDown;
  if (arrival.deadline <= now) return RejectReason::kDeadlinePassed;
  if (CannotBeMet(arrival, now)) return RejectReason::kDeadlineTooSoon;
  if (backends_.Unavailable(now)) return RejectReason::kNoBackend;
  // A customer without an account has nothing in the queue, and one request may be as large as its limit.
  static const Customer kNew;
  const Customer& asking = customer != nullptr ? *customer : kNew;
  if (const auto limit = FullOrPromised(arrival, asking.unfinished, LimitsOf(asking), asking.waitlist.get(), now)) {
    return ReasonOf(*limit, RejectReason::kCustomerQueueFull);
  }
  if (const auto limit = FullOrPromised(arrival, pending_.unfinished(), LimitsOfAll(options_), &waitlist_, now)) {
    return ReasonOf(*limit, RejectReason::kQueueFull);
  }
  return std::nullopt;
}

bool Admission::MakeRoom(RejectReason reason, const Arrival& arrival, const Customer* customer, Time now,
                         absl::FunctionRef<void(PendingRequest&)> shed) {
  constexpr int kMostShed = 8;
  constexpr double kPromisedMargin = 2;
  const bool queue_is_full =
      reason == RejectReason::kQueueFull || reason == RejectReason::kBytesFull || reason == RejectReason::kCostFull;
  if (!queue_is_full) return false;
  std::uint64_t work = customer == nullptr ? 0 : customer->waiting_work;
  for (const std::uint32_t length : arrival.lengths) work += pending_.WorkOf(length);
  const double share = static_cast<double>(work) / (customer == nullptr ? 1 : customer->policy.weight);
  // Among customers with about the same share places would go back and forth, and no promise would be kept.
  const double least = waitlist_.places.empty() ? share : kPromisedMargin * share;
  // Never the one that asks: it has less than `share`, which counts the request.
  const auto find_heavier = [&]() -> Customer* {
    Customer* const heaviest = heaviest_.Find(customers_.backlogged(), now);
    return heaviest != nullptr && HeaviestCustomer::ShareOf(*heaviest) > least ? heaviest : nullptr;
  };
  if (!FullFor(arrival)) return find_heavier() != nullptr;  // there is room, but it is held back
  for (int i = 0; i < kMostShed; ++i) {
    const std::optional<QueueLimit> limit = FullFor(arrival);
    if (!limit) break;
    Customer* const heaviest = find_heavier();
    if (heaviest == nullptr) return false;
    PendingRequest& newest = heaviest->waiting.back();
    if (limit == QueueLimit::kCost && newest.use.CountedCost() == 0) break;  // it would make no room
    shed(newest);
  }
  // Many cheap requests make little room for an expensive one. A customer with less than the heaviest gets in all the
  // same, up to twice the limit: otherwise one expensive request would have everybody refused until as much cheap work
  // is done.
  QueueUse limits = LimitsOfAll(options_);
  limits.cost_ns *= 2;
  return !LimitReached(pending_.unfinished(), arrival.bytes, limits);
}

LimitedShare Admission::WholeQueue() const {
  return {pending_.unfinished(), pending_.waiting_requests(), LimitsOfAll(options_), {}};
}

LimitedShare Admission::ShareOf(const Customer& customer) const {
  return {customer.unfinished, customer.waiting_requests, LimitsOf(customer), {}};
}

Duration Admission::Promise(const LimitedShare& share, const QueueUse& request, std::uint64_t key, Time deadline,
                            Waitlist& waitlist, const AnswerRate* own, Time now) {
  if (request.bytes > share.limits.bytes) return Duration::zero();  // never
  PromisedPlaces& places = waitlist.places;
  places.Forget(now);
  LimitedShare promised = share;
  // A caller that was promised a place and finds none gets the next place, not the last.
  const bool broken = places.Has(key, now);
  promised.promised = broken ? places.Until(now) : places.All();
  places.Take(key, now);
  const AnswerRate& of_all = waitlist_.answers;
  const Place place = own == nullptr ? forecast_.PlaceInQueue(promised, request, of_all, now)
                                     : forecast_.PlaceOfCustomer(promised, request, of_all, *own, now);
  Duration wait = std::min(place.wait, kFurthest);
  // A mere guess must not make a caller come back too late.
  if (!of_all.any() && deadline != kNever) wait = std::min(wait, (deadline - now) * 3 / 4);
  const Time in_order = broken ? Later(now, wait) : InOrder(waitlist, Later(now, wait), place.spacing, now);
  const Time time = places.Knows(key) ? AtGate(in_order) : in_order;
  if (time - now >= kFurthest) return kFurthest;
  if (time >= deadline) return time - now;
  if (!broken) waitlist.last_place = in_order;
  places.Add(time, key, request);
  return time - now;
}

Duration Admission::PromisePlace(const PendingRequest& shed, Time now) {
  // Its place is already taken by the request for which it was shed.
  LimitedShare queue = WholeQueue();
  queue.unfinished += shed.use;
  return Promise(queue, shed.use, KeyOf(shed), shed.deadline, waitlist_, nullptr, now);
}

void Admission::Accepted(const Arrival& arrival, Customer* customer, Time now) {
  if (waitlist_.places.empty() && (customer == nullptr || customer->waitlist == nullptr)) return;
  const std::uint64_t key = KeyOf(arrival);
  waitlist_.places.Take(key, now);
  if (customer != nullptr && customer->waitlist != nullptr) customer->waitlist->places.Take(key, now);
}

void Admission::Answered(const PendingRequest& request, Time now) {
  // With a whole batch waiting the backends continue at full speed.
  const std::uint64_t cost_ns = request.use.cost_ns;
  const Duration took = now - request.last_dispatch;
  waitlist_.answers.Answered(cost_ns, took, pending_.waiting_sequences() >= options_.max_batch_size, now);
  const Customer& customer = *request.customer;
  if (customer.waitlist == nullptr) return;
  customer.waitlist->answers.Answered(cost_ns, took, customer.waiting_sequences > 0, now);
}

Rejection Admission::Refuse(RejectReason reason, const Arrival& arrival, Customer* customer, Time now) {
  const QueueUse request = UseOf(arrival);
  const auto in_queue = [&] {
    return Promise(WholeQueue(), request, KeyOf(arrival), arrival.deadline, waitlist_, nullptr, now);
  };
  const auto in_share = [&]() -> Duration {
    // It has nothing in the queue: the request alone is larger than its share.
    if (customer == nullptr || customer->unfinished.requests == 0) return Duration::zero();
    if (customer->waitlist == nullptr) customer->waitlist = std::make_unique<Waitlist>(Waitlist::kMostOfCustomer);
    Waitlist& waitlist = *customer->waitlist;
    return Promise(ShareOf(*customer), request, KeyOf(arrival), arrival.deadline, waitlist, &waitlist.answers, now);
  };
  static const Customer kNew;
  const QueueUse share = LimitsOf(customer == nullptr ? kNew : *customer);
  const auto milliseconds = [](Duration cost) { return Nanoseconds(cost) / 1'000'000; };
  switch (reason) {
    case RejectReason::kQueueFull:
      return {reason, in_queue(), options_.max_queued_requests};
    case RejectReason::kBytesFull:
      return {reason, in_queue(), options_.max_queued_bytes};
    case RejectReason::kCostFull:
      return {reason, in_queue(), milliseconds(options_.max_queued_cost)};
    case RejectReason::kCustomerQueueFull:
      return {reason, in_share(), share.requests};
    case RejectReason::kCustomerBytesFull:
      return {reason, in_share(), share.bytes};
    case RejectReason::kCustomerCostFull:
      return {reason, in_share(), share.cost_ns / 1'000'000};
    case RejectReason::kNoBackend: {
      const Time resume = backends_.NextResume(now);
      return {reason, resume == kNever ? options_.backends.pause_maximum : resume - now};
    }
    case RejectReason::kShuttingDown:
    case RejectReason::kDeadlinePassed:
    case RejectReason::kDeadlineTooSoon:
      break;
  }
  return {reason};
}

}  // namespace smartbatch::scheduling
