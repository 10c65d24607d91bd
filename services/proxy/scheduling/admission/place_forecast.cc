#include "services/proxy/scheduling/admission/place_forecast.h"

#include <algorithm>

namespace smartbatch::scheduling {
namespace {

// Allows for misprediction; see the class.
constexpr double kCautious = 1.2;
constexpr double kMoreCautious = 1.3;
// Allows for the transfer of a batch's results, and for clocks in milliseconds.
constexpr Duration kAllowance = std::chrono::milliseconds(2);

// The least share of the backends, however many customers have something in the queue.
constexpr double kLeastShare = 1e-3;

// Longer than every time that a caller is told, and far too short for a sum of such times to overflow: costs may have
// any value.
constexpr Duration kForEver = std::chrono::hours(24);
Duration Bounded(double seconds) { return std::min(FromSeconds(seconds), kForEver); }

double Share(std::uint64_t excess, std::uint64_t of) {
  return static_cast<double>(excess) / static_cast<double>(std::max<std::uint64_t>(of, 1));
}

// The time that a batch is assumed to take, given its predicted seconds.
double SecondsOf(double predicted, const AnswerRate& of_all) {
  if (!of_all.any()) return std::max(predicted, ToSeconds(PlaceForecast::kUntestedBatch));
  if (of_all.SecondsPerCost()) return predicted;
  return std::max(predicted, of_all.TakesAtLeast(predicted));
}

std::uint64_t Excess(std::uint64_t wanted, std::uint64_t limit) { return wanted > limit ? wanted - limit : 0; }

// The cost of `excess` requests, bytes or units of cost: first from what is unfinished, then from what is promised.
double CostOf(std::uint64_t excess, std::uint64_t unfinished, std::uint64_t promised, const LimitedShare& share) {
  const std::uint64_t first = std::min(excess, unfinished);
  const std::uint64_t then = std::min(excess - first, promised);
  return Share(first, unfinished) * static_cast<double>(share.unfinished.cost_ns) +
         Share(then, promised) * static_cast<double>(share.promised.cost_ns);
}

// The cost that must be served before the request finds room.
double CostAhead(const LimitedShare& share, const QueueUse& request) {
  const QueueUse& unfinished = share.unfinished;
  const QueueUse& promised = share.promised;
  const QueueUse& limits = share.limits;
  const auto cost = [&](std::uint64_t wanted, std::uint64_t limit, std::uint64_t there, std::uint64_t expected) {
    return CostOf(Excess(there + expected + wanted, limit), there, expected, share);
  };
  return std::max({cost(1, limits.requests, unfinished.requests, promised.requests),
                   cost(request.bytes, limits.bytes, unfinished.bytes, promised.bytes),
                   // There is room while less than the limit is queued.
                   cost(1, limits.cost_ns, unfinished.CountedCost(), promised.CountedCost())});
}

}  // namespace

Duration PlaceForecast::UntilSomethingIsFree(const AnswerRate& of_all, Time now) const {
  if (backends_.FreeSlot(now)) return Duration::zero();
  const Time resume = backends_.NextResume(now);
  const Duration pause = resume == kNever ? Duration::max() : resume - now;
  const auto seconds_of = [&](double predicted) { return SecondsOf(predicted, of_all); };
  const Duration end = running_.UntilOneIsThoughtToEnd(backends_, seconds_of, now).value_or(Duration::max());
  const Duration least = std::min(end, pause);
  return least == Duration::max() ? Duration::zero() : std::min(least, kForEver);
}

// Puts what waits into batches in the order of arrival. A strategy that batches similar lengths is faster; the forecast
// is then a little late.
double PlaceForecast::BelievedSecondsPerCost(const AnswerRate& of_all, Time now) const {
  constexpr std::uint32_t kMostLookedAt = 256;
  double seconds = 0;
  double cost_ns = 0;
  std::uint32_t looked_at = 0;
  std::uint32_t in_batch = 0;
  std::uint32_t longest = 0;
  const auto end_batch = [&] {
    if (in_batch == 0) return;
    const double counted = backends_.TypicalCost(longest).CountedSeconds(in_batch, longest);
    const double predicted = counted * running_.TimesOverdue(backends_, now);
    seconds += SecondsOf(predicted, of_all);
    in_batch = 0;
    longest = 0;
  };
  const std::uint32_t most = std::max(kMostLookedAt, options_.max_batch_size);
  for (const PendingRequest* request = pending_.Oldest(); request != nullptr && looked_at < most;
       request = pending_.Younger(*request)) {
    std::uint32_t left = request->waiting;
    if (in_batch + left > options_.max_batch_size) end_batch();
    longest = std::max(longest, request->longest_waiting);
    for (; left > options_.max_batch_size; left -= options_.max_batch_size) {
      in_batch = options_.max_batch_size;
      end_batch();
      longest = request->longest_waiting;
    }
    in_batch += left;
    looked_at += request->waiting;
    cost_ns +=
        static_cast<double>(request->use.cost_ns) * request->waiting / static_cast<double>(request->sequences.size());
  }
  // The last batch will be full when the queue is: it counts by the seats that are taken.
  if (in_batch > 0) {
    const double filled = looked_at > in_batch ? static_cast<double>(in_batch) / options_.max_batch_size : 1;
    const double before = seconds;
    end_batch();
    seconds = before + (seconds - before) * filled;
  }
  if (cost_ns <= 0) {
    // Nothing waits: all requests run.
    cost_ns = static_cast<double>(std::max<std::uint64_t>(pending_.unfinished().cost_ns, 1));
    seconds = ToSeconds(UntilSomethingIsFree(of_all, now));
  }
  return seconds / cost_ns / backends_.UsableSlots(now);
}

double PlaceForecast::SecondsPerCost(const AnswerRate& of_all, Time now) const {
  if (const auto seen = of_all.SecondsPerCost()) return *seen;
  return BelievedSecondsPerCost(of_all, now);
}

// The time of an average batch formed from what is unfinished.
double PlaceForecast::BatchSeconds(double seconds_per_cost, Time now) const {
  const std::uint64_t requests = std::max<std::uint64_t>(pending_.waiting_requests(), 1);
  const double sequences_each =
      std::max(1.0, static_cast<double>(pending_.waiting_sequences()) / static_cast<double>(requests));
  const double batch_requests = options_.max_batch_size / sequences_each;
  const double part =
      std::min(1.0, batch_requests / static_cast<double>(std::max<std::uint64_t>(pending_.unfinished_requests(), 1)));
  return seconds_per_cost * backends_.UsableSlots(now) * part * static_cast<double>(pending_.unfinished().cost_ns);
}

Duration PlaceForecast::Lasting(const AnswerRate& of_all, Time now) const {
  constexpr double kSlowBatches = 3;
  const double batch_seconds = BatchSeconds(SecondsPerCost(of_all, now), now);
  return UntilSomethingIsFree(of_all, now) + Bounded(kSlowBatches * batch_seconds / backends_.UsableSlots(now));
}

Place PlaceForecast::PlaceOf(const LimitedShare& share, const QueueUse& request, Duration first,
                             double seconds_per_cost, double batch_seconds, bool seen) const {
  const double cost_ahead = CostAhead(share, request);
  const double runs = Share(share.unfinished.requests - share.waiting_requests, share.unfinished.requests) *
                      static_cast<double>(share.unfinished.cost_ns);
  const double free_first = runs / static_cast<double>(std::max<std::size_t>(running_.size(), 1));
  // A difference of a millionth does not count.
  const bool with_the_first = cost_ahead <= free_first * (1 + 1e-6);
  const double later = seconds_per_cost * std::max(0.0, cost_ahead - free_first);
  LimitedShare with_it = share;
  with_it.promised += request;
  const double one_more = seconds_per_cost * (CostAhead(with_it, request) - cost_ahead);
  return {.wait = kAllowance + Bounded((seen ? kCautious : kMoreCautious) * (ToSeconds(first) + later) +
                                       (with_the_first ? 0 : batch_seconds)),
          .spacing = Bounded(one_more)};
}

Place PlaceForecast::PlaceInQueue(const LimitedShare& share, const QueueUse& request, const AnswerRate& of_all,
                                  Time now) const {
  const double seconds_per_cost = SecondsPerCost(of_all, now);
  return PlaceOf(share, request, UntilSomethingIsFree(of_all, now), seconds_per_cost,
                 BatchSeconds(seconds_per_cost, now), of_all.SecondsPerCost().has_value());
}

Place PlaceForecast::PlaceOfCustomer(const LimitedShare& share, const QueueUse& request, const AnswerRate& of_all,
                                     const AnswerRate& own, Time now) const {
  const double of_queue = SecondsPerCost(of_all, now);
  // Until its rate has been seen, a customer is assumed to get the share of the backends that it has of the queue, or
  // what the others leave if that is less, but at least half if there is one other customer, a third if there are two,
  // and so on.
  const double of_others = std::max(0.0, of_all.CostPerSecond() - own.CostPerSecond());
  const double left = std::max(1 - of_queue * of_others, 1 / (1 + static_cast<double>(customers_.backlogged().size())));
  const double own_share = std::min(left, Share(share.unfinished.cost_ns, pending_.unfinished().cost_ns));
  const double of_customer =
      std::max(of_queue, own.SecondsPerCost().value_or(of_queue / std::max(own_share, kLeastShare)));
  return PlaceOf(share, request, UntilSomethingIsFree(of_all, now), of_customer, BatchSeconds(of_customer, now),
                 own.SecondsPerCost().has_value());
}

}  // namespace smartbatch::scheduling
