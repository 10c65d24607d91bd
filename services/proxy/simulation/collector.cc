#include "services/proxy/simulation/collector.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace smartbatch::simulation {
namespace {

// The least part of the square of its batch's time that falls to a sequence, in squared seconds: LowerBoundTerms. One
// more sequence in the batch makes the part smaller first and then larger, so that the first minimum is the least.
double LeastPartOfSquare(const CostModel& cost, std::uint32_t length, std::uint32_t most_sequences) {
  double least = HUGE_VAL;
  for (std::uint32_t sequences = 1; sequences <= most_sequences; ++sequences) {
    const double seconds = cost.Seconds(sequences, length);
    const double part = seconds * seconds / sequences;
    if (part > least) break;
    least = part;
  }
  return least;
}

}  // namespace

Collector::Collector(const ArrivalFeed& feed, std::uint64_t warmup, const scheduling::Scheduler& scheduler,
                     const CostModel& cost)
    : warmup_(warmup),
      scheduler_(scheduler),
      feed_(feed),
      cost_(cost),
      latencies_ms_(feed.customers().size()),
      slowdowns_(feed.customers().size()) {}

std::vector<double> Collector::ChargedSeconds(const ArrivalFeed& feed) const {
  std::vector<double> charged;
  charged.reserve(feed.customers().size());
  for (const std::string& name : feed.customers()) {
    const scheduling::Customer* const account = scheduler_.customers().Find(name);
    charged.push_back(account == nullptr ? 0 : account->charged_seconds);
  }
  return charged;
}

void Collector::Offered(std::uint64_t number, std::span<const std::uint32_t> lengths, Time now) {
  if (number < warmup_) return;
  if (!measuring_) {
    measuring_ = true;
    start_ = now;
    last_end_ = now;
    charged_at_start_ = ChargedSeconds(feed_);
  }
  ++offered_;
  last_arrival_ = now;
  std::uint32_t longest = 0;
  for (const std::uint32_t length : lengths) {
    longest = std::max(longest, length);
    sum_least_squares_ += LeastPartOfSquare(cost_, length, scheduler_.options().max_batch_size);
  }
  sum_seconds_ += cost_.Seconds(1, longest);
  alone_seconds_.push_back(cost_.Seconds(lengths.size(), longest));
}

void Collector::Ended(std::uint64_t number, std::uint32_t customer, const scheduling::Finished& finished) {
  if (!measuring_) return;
  last_end_ = finished.finish;
  if (number < warmup_ || finished.outcome != scheduling::Outcome::kAnswered) return;
  if (finished.finish <= finished.due) ++on_time_;
  latencies_ms_[customer].Add(ToMilliseconds(finished.finish - finished.arrival));
  slowdowns_[customer] += ToSeconds(finished.finish - finished.arrival) / alone_seconds_[number - warmup_];
}

void Collector::Dispatched(const scheduling::Batch& batch) {
  if (!measuring_) return;
  ++batches_;
  batch_sequences_ += batch.members.size();
  const double batch_seconds = cost_.Seconds(batch.members.size(), batch.longest);
  batch_seconds_ += batch_seconds;
  longest_batch_seconds_ = std::max(longest_batch_seconds_, batch_seconds);
  for (const scheduling::BatchMember& member : batch.members)
    used_seconds_ += cost_.Packed(member.length, scheduler_.options().max_batch_size);
  fairness_gap_seconds_ = std::max(fairness_gap_seconds_, scheduler_.customers().FairnessGapSeconds());
}

void Collector::Ran(Time from, Time to) {
  if (measuring_ && from >= start_) busy_ += to - from;
}

Result Collector::Finish(const ArrivalFeed& feed, std::uint32_t slots, bool poisson_arrivals) const {
  Result result;
  result.outcomes = scheduler_.outcomes();
  const std::vector<double> charged = ChargedSeconds(feed);
  Sample all;
  for (std::size_t i = 0; i < latencies_ms_.size(); ++i) {
    const Sample& latencies_ms = latencies_ms_[i];
    if (latencies_ms.empty()) continue;
    // Appended before FiguresOf sorts it, so that the sum is always in the order of time.
    all.Append(latencies_ms);
    result.customers.push_back({feed.customers()[i], latencies_ms.count(), FiguresOf(latencies_ms),
                                charged[i] - (charged_at_start_.empty() ? 0 : charged_at_start_[i]),
                                slowdowns_[i] / static_cast<double>(latencies_ms.count())});
  }
  result.requests = all.count();
  result.latency_ms = FiguresOf(all);
  result.fairness = Fairness(result.customers);

  const double seconds = ToSeconds(last_end_ - start_);
  if (seconds > 0) {
    result.throughput_per_second = static_cast<double>(result.requests) / seconds;
    result.busy_share = ToSeconds(busy_) / (seconds * slots);
  }
  if (batches_ > 0) {
    result.batch_sequences_mean = static_cast<double>(batch_sequences_) / static_cast<double>(batches_);
    result.batch_seconds_mean = batch_seconds_ / static_cast<double>(batches_);
    result.batch_seconds_longest = longest_batch_seconds_;
    result.padding_share = 1 - used_seconds_ / batch_seconds_;
  }
  if (offered_ > 0) result.on_time_share = static_cast<double>(on_time_) / static_cast<double>(offered_);
  result.fairness_gap_seconds = fairness_gap_seconds_;
  result.drain_seconds = std::max(0.0, ToSeconds(last_end_ - last_arrival_));
  result.arrival_seconds = ToSeconds(last_arrival_ - start_);

  using scheduling::Outcome;
  const bool every_request_was_answered = result.outcomes[Outcome::kAnswered] == result.outcomes.offered;
  if (offered_ > 0 && every_request_was_answered) {
    const auto requests = static_cast<double>(offered_);
    const bool poisson = poisson_arrivals && slots == 1 && result.arrival_seconds > 0;
    result.lower_bound_ms = LowerBoundMilliseconds(
        {sum_seconds_ / requests, sum_least_squares_ / requests, poisson ? requests / result.arrival_seconds : 0});
  }
  return result;
}

// Customers of a feed that have the same name are one customer to the scheduler.
FairnessFigures Collector::Fairness(const std::vector<CustomerResult>& customers) const {
  std::map<std::string, CustomerStanding> by_name;
  for (const CustomerResult& customer : customers) {
    const scheduling::Customer* const account = scheduler_.customers().Find(customer.customer);
    CustomerStanding& standing = by_name[customer.customer];
    const double before = static_cast<double>(standing.answered) * standing.slowdown.value_or(0);
    standing.answered += customer.requests;
    standing.slowdown =
        (before + static_cast<double>(customer.requests) * customer.slowdown) / static_cast<double>(standing.answered);
    if (account != nullptr) standing.charged_over_weight = customer.charged_seconds / account->policy.weight;
  }
  std::vector<CustomerStanding> standings;
  standings.reserve(by_name.size());
  for (const auto& [name, standing] : by_name) standings.push_back(standing);
  return FairnessOf(standings);
}

LatencyFigures FiguresOf(const Sample& latencies_ms) {
  return {latencies_ms.Mean(),
          latencies_ms.TrustworthyPercentile(50),
          latencies_ms.TrustworthyPercentile(90),
          latencies_ms.TrustworthyPercentile(99),
          latencies_ms.TrustworthyPercentile(99.9),
          latencies_ms.Maximum()};
}

double LowerBoundMilliseconds(const LowerBoundTerms& terms) {
  return 1e3 * (terms.mean_seconds + terms.requests_per_second / 2 * terms.mean_least_squares);
}

}  // namespace smartbatch::simulation
