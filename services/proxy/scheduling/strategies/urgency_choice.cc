#include "services/proxy/scheduling/strategies/urgency_choice.h"

namespace smartbatch::scheduling {
namespace {

// The least urgency of a candidate: exp() would otherwise round it to 0, which no candidate may have.
constexpr double kLeastUrgency = 1e-30;

}  // namespace

void UrgencyChoice::Draft::Offer(const Candidate& candidate, double seconds) {
  if (candidate.seconds_left < seconds) return;
  ++members;
  urgency += candidate.urgency;
  least_seconds += candidate.least_seconds;
  seconds_left = std::min(seconds_left, candidate.seconds_left);
}

const std::vector<PendingSequence*>& UrgencyChoice::Choose(const DueClasses& waiting,
                                                           const Surroundings& surroundings) {
  around_ = surroundings;
  const CostModel& cost = around_.cost;
  of_length_.Start(cost, around_.seats);
  most_urgent_.clear();
  urgency_of_all_ = 0;
  best_index_ = 0;
  best_.clear();
  const double horizon = std::max(options_.urgency * Backlog(waiting), kLeastSeconds);
  const bool riders_are_free = cost.RidersAreFree();
  efficiency_exponent_ = riders_are_free ? 0 : options_.efficiency_exponent * (1 - PaidOnce(cost, around_.mean_length));
  const std::uint32_t of_each = riders_are_free ? std::max(around_.seats, kFewestOfAClass)
                                                : std::clamp(2 * around_.last_batch, kFewestOfAClass, kMostOfAClass);
  for (const DueClasses::Class& each : waiting.classes()) {
    if (each.empty()) continue;
    if (best_index_ * of_length_.LeastSeconds(each.shortest) > 1) break;
    ConsiderFirstOf(each, of_each, horizon);
    std::size_t first_new = kNowhere;
    for (std::size_t i = 0; i < of_class_.size(); ++i) {
      first_new = std::min(first_new, AddToMostUrgent(of_class_[i]));
      const bool last_of_length = i + 1 == of_class_.size() || of_class_[i + 1].length != of_class_[i].length;
      if (!last_of_length) continue;
      if (first_new != kNowhere) TryLength(of_class_[i].length, first_new);
      first_new = kNowhere;
    }
  }
  return best_;
}

// The seconds that all waiting sequences take, in full batches of equal lengths, over the slots.
double UrgencyChoice::Backlog(const DueClasses& waiting) const {
  double seconds = 0;
  for (const DueClasses::Class& each : waiting.classes()) {
    if (!each.empty()) seconds += static_cast<double>(each.waiting.size()) * of_length_.LeastSeconds(each.MeanLength());
  }
  return seconds / std::max(around_.slots, 1U);
}

void UrgencyChoice::ConsiderFirstOf(const DueClasses::Class& each, std::uint32_t most, double horizon) {
  of_class_.clear();
  for (const DueClasses::Entry& entry : each.waiting) {
    if (most-- == 0) break;
    const PendingRequest& request = *entry.sequence->request;
    Candidate candidate{entry.sequence, entry.sequence->length, 0, ToSeconds(entry.due - around_.now),
                        of_length_.LeastSeconds(entry.sequence->length)};
    const double laxity = candidate.seconds_left - of_length_.Alone(request.longest_waiting);
    if (laxity < 0) continue;
    candidate.urgency = std::max(std::exp(-laxity / horizon), kLeastUrgency) * ShareOf(candidate, request);
    of_class_.push_back(candidate);
  }
  std::stable_sort(of_class_.begin(), of_class_.end(),
                   [](const Candidate& left, const Candidate& right) { return left.length < right.length; });
}

// The sequence's share of its request's urgency.
double UrgencyChoice::ShareOf(const Candidate& candidate, const PendingRequest& request) const {
  if (request.waiting == 1) return 1;
  return candidate.least_seconds / of_length_.LeastSecondsLeft(request);
}

// Returns its place among the most urgent; kNowhere if it is not urgent enough.
std::size_t UrgencyChoice::AddToMostUrgent(const Candidate& candidate) {
  const auto place =
      std::upper_bound(most_urgent_.begin(), most_urgent_.end(), candidate,
                       [](const Candidate& left, const Candidate& right) { return left.urgency > right.urgency; });
  const auto number = place - most_urgent_.begin();
  if (static_cast<std::size_t>(number) == around_.seats) return kNowhere;
  if (most_urgent_.size() == around_.seats) {
    urgency_of_all_ -= most_urgent_.back().urgency;
    most_urgent_.pop_back();
  }
  urgency_of_all_ += candidate.urgency;
  most_urgent_.insert(most_urgent_.begin() + number, candidate);
  return static_cast<std::size_t>(number);
}

// Tries the batches with this longest length. `first_new` is the lowest place that a candidate of this length took: a
// batch without any of the places from there on has been tried with a shorter length.
void UrgencyChoice::TryLength(std::uint32_t length, std::size_t first_new) {
  Draft batch;
  std::size_t best_count = 0;
  double best_seconds = 0;
  for (std::size_t count = 1; count <= most_urgent_.size(); ++count) {
    const double seconds = std::max(around_.cost.Seconds(count, length), kLeastSeconds);
    if (urgency_of_all_ <= best_index_ * seconds) break;
    if (batch.seconds_left < seconds) batch = {};  // a member would be late
    while (batch.members < count && batch.seen < most_urgent_.size()) batch.Offer(most_urgent_[batch.seen++], seconds);
    if (batch.members < count) break;
    if (batch.seen <= first_new) continue;
    const double efficiency = std::min(1.0, batch.least_seconds / seconds);
    const double index =
        batch.urgency / seconds * (efficiency_exponent_ == 1 ? efficiency : std::pow(efficiency, efficiency_exponent_));
    if (index <= best_index_) continue;
    best_index_ = index;
    best_count = count;
    best_seconds = seconds;
  }
  if (best_count == 0) return;
  best_.clear();
  for (auto candidate = most_urgent_.begin(); best_.size() < best_count; ++candidate) {
    if (candidate->seconds_left >= best_seconds) best_.push_back(candidate->sequence);
  }
}

}  // namespace smartbatch::scheduling
