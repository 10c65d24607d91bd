#include "services/proxy/scheduling/density_choice.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "services/proxy/scheduling/customer.h"

namespace smartbatch::scheduling {
namespace {

// A cost to divide by: a backend whose batches are believed to take no time still takes some.
constexpr double kLeastSeconds = 1e-9;

double Power(double base, double exponent) {
  if (exponent == 0.5) return std::sqrt(base);
  if (exponent == 0) return 1;
  if (exponent == 1) return base;
  return std::pow(base, exponent);
}

bool Waits(const PendingSequence& sequence) { return sequence.state == SequenceState::kWaiting && !sequence.alone; }

}  // namespace

void DensityChoice::Start(Time now, const CostModel& cost) {
  now_ = now;
  cost_ = cost;
  density_ = 0;
}

double DensityChoice::WeightOf(const PendingRequest& request) const {
  const double age = ToSeconds(now_ - request.arrival) + cost_.Alone(request.longest_at_arrival);
  const double weight = Power(std::max(age, kLeastSeconds), options_.age_exponent);
  if (options_.tier_ratio == 1) return weight;
  return weight * std::pow(options_.tier_ratio, -static_cast<double>(request.customer->policy.tier));
}

double DensityChoice::DensityOf(const PendingRequest& request) const {
  return WeightOf(request) / std::max(cost_.Seconds(request.waiting, request.longest_waiting), kLeastSeconds);
}

void DensityChoice::Choose(std::span<PendingRequest* const> candidates, Selection& selection) {
  assert(!candidates.empty() && selection.empty());
  if (options_.split) {
    ChooseSequences(candidates, selection);
  } else {
    ChooseRequests(candidates, selection);
  }
}

void DensityChoice::SortByLength(std::span<PendingRequest* const> candidates) {
  by_length_.assign(candidates.begin(), candidates.end());
  std::sort(by_length_.begin(), by_length_.end(), [](const PendingRequest* left, const PendingRequest* right) {
    if (left->longest_waiting != right->longest_waiting) return left->longest_waiting < right->longest_waiting;
    return left->id.number < right->id.number;
  });
}

void DensityChoice::ChooseUncontended(std::span<PendingRequest* const> candidates, Selection& selection) {
  assert(!candidates.empty() && selection.empty());
  SortByLength(candidates);
  double weight = 0;
  std::uint32_t sequences = 0;
  std::size_t best_count = 0;
  density_ = 0;
  for (std::size_t i = 0; i < by_length_.size(); ++i) {
    const PendingRequest& request = *by_length_[i];
    weight += WeightOf(request);
    sequences += request.waiting;
    const double density = weight / std::max(cost_.Seconds(sequences, request.longest_waiting), kLeastSeconds);
    if (density <= density_) continue;
    density_ = density;
    best_count = i + 1;
  }
  for (std::size_t i = 0; i < best_count; ++i) selection.TakeWaitingOf(*by_length_[i]);
}

// --- Split: the heaviest sequences ---

void DensityChoice::ListSeats(std::span<PendingRequest* const> candidates) {
  seats_.clear();
  sequences_.clear();
  heaviest_seat_ = 0;
  for (PendingRequest* const request : candidates) {
    double left_to_do = 0;
    const std::size_t first = seats_.size();
    for (PendingSequence& sequence : request->sequences) {
      if (!Waits(sequence)) continue;
      const double seconds = std::max(cost_.Alone(sequence.length), kLeastSeconds);
      left_to_do += seconds;
      seats_.push_back({(std::uint64_t{sequence.length} << 32) | sequences_.size(), seconds});
      sequences_.push_back(&sequence);
    }
    const double weight_a_second = WeightOf(*request) / left_to_do;
    for (std::size_t i = first; i < seats_.size(); ++i) {
      seats_[i].weight *= weight_a_second;
      heaviest_seat_ = std::max(heaviest_seat_, seats_[i].weight);
    }
  }
}

// The best batch whose longest sequence has this length, given the heaviest sequences up to it.
void DensityChoice::Weigh(std::uint32_t length, Best& best) const {
  if (cost_.RidersAreFree()) {
    const double seconds = std::max(cost_.Alone(length), kLeastSeconds);
    if (heaviest_sum_ > best.density * seconds) best = {heaviest_sum_ / seconds, length, heaviest_.size()};
    return;
  }
  double weight = 0;
  for (std::size_t seats = 1; seats <= heaviest_.size(); ++seats) {
    weight += heaviest_[heaviest_.size() - seats];
    const double seconds = std::max(cost_.Seconds(static_cast<std::uint32_t>(seats), length), kLeastSeconds);
    if (weight / seconds > best.density) best = {weight / seconds, length, seats};
  }
}

void DensityChoice::ChooseSequences(std::span<PendingRequest* const> candidates, Selection& selection) {
  ListSeats(candidates);
  std::sort(seats_.begin(), seats_.end(), [](const Seat& left, const Seat& right) { return left.key < right.key; });
  const std::size_t capacity = selection.free_seats();
  const double most_weight = heaviest_seat_ * static_cast<double>(capacity);
  heaviest_.clear();
  heaviest_sum_ = 0;
  Best best;
  std::size_t no_longer = 0;  // seats of at most the best length: those in front
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    const std::uint32_t length = seats_[i].length();
    // From here on the heaviest batch there could be is not dense enough.
    if (most_weight < best.density * cost_.Alone(length)) break;
    AddToHeaviest(seats_[i].weight, capacity);
    const bool last_of_length = i + 1 == seats_.size() || seats_[i + 1].length() != length;
    if (!last_of_length) continue;
    Weigh(length, best);
    if (best.length == length) no_longer = i + 1;
  }
  density_ = best.density;

  seats_.resize(no_longer);
  TakeHeaviest(std::min(best.seats, no_longer), selection);
}

void DensityChoice::TakeHeaviest(std::size_t count, Selection& selection) {
  const auto heavier = [this](const Seat& left, const Seat& right) {
    if (left.weight != right.weight) return left.weight > right.weight;
    if (left.length() != right.length()) return left.length() > right.length();
    const PendingSequence& first = *sequences_[left.place()];
    const PendingSequence& second = *sequences_[right.place()];
    if (first.request != second.request) return first.request->id.number < second.request->id.number;
    return first.index() < second.index();
  };
  const auto end = seats_.begin() + static_cast<std::ptrdiff_t>(count);
  if (end != seats_.end()) std::nth_element(seats_.begin(), end, seats_.end(), heavier);
  std::sort(seats_.begin(), end, heavier);
  for (auto seat = seats_.begin(); seat != end; ++seat) selection.Take(*sequences_[seat->place()]);
}

// Where riders are free only the sum counts: no order is needed until seats are scarce.
void DensityChoice::AddToHeaviest(double weight, std::size_t capacity) {
  if (heaviest_.size() < capacity) {
    heaviest_sum_ += weight;
    if (!cost_.RidersAreFree()) {
      heaviest_.insert(std::lower_bound(heaviest_.begin(), heaviest_.end(), weight), weight);
      return;
    }
    heaviest_.push_back(weight);
    if (heaviest_.size() == capacity) std::sort(heaviest_.begin(), heaviest_.end());
    return;
  }
  if (weight <= heaviest_.front()) return;
  heaviest_sum_ += weight - heaviest_.front();
  std::size_t place = 0;
  for (; place + 1 < capacity && heaviest_[place + 1] < weight; ++place) heaviest_[place] = heaviest_[place + 1];
  heaviest_[place] = weight;
}

bool DensityChoice::Pays(const PendingSequence& sequence, const Selection& selection) const {
  if (cost_.RidersAreFree()) return true;
  const std::size_t taken = selection.members().size();
  const double seat_seconds = cost_.Seconds(taken + 1, selection.longest()) - cost_.Seconds(taken, selection.longest());
  if (seat_seconds <= cost_.Alone(sequence.length)) return true;
  const PendingRequest& request = *sequence.request;
  double left_to_do = 0;
  for (const PendingSequence& other : request.sequences) {
    if (Waits(other)) left_to_do += std::max(cost_.Alone(other.length), kLeastSeconds);
  }
  const double weight = WeightOf(request) * std::max(cost_.Alone(sequence.length), kLeastSeconds) / left_to_do;
  return weight >= density_ * seat_seconds;
}

// --- Not split: the heaviest set of whole requests, a 0/1 knapsack over the seats ---

void DensityChoice::ChooseRequests(std::span<PendingRequest* const> candidates, Selection& selection) {
  SortByLength(candidates);
  const std::size_t capacity = selection.free_seats();
  const std::size_t row = capacity + 1;
  // best_weight_[n]: the largest weight of requests that need n seats together; below 0 where there is none.
  best_weight_.assign(row, -1);
  best_weight_[0] = 0;
  taken_.assign(by_length_.size() * row, false);
  density_ = 0;
  std::size_t best_items = 0;
  std::size_t best_seats = 0;
  for (std::size_t i = 0; i < by_length_.size(); ++i) {
    const PendingRequest& request = *by_length_[i];
    const double weight = WeightOf(request);
    for (std::size_t seats = capacity; seats >= request.waiting; --seats) {
      const double without = best_weight_[seats - request.waiting];
      if (without < 0 || without + weight <= best_weight_[seats]) continue;
      best_weight_[seats] = without + weight;
      taken_[i * row + seats] = true;
    }
    const bool last_of_length =
        i + 1 == by_length_.size() || by_length_[i + 1]->longest_waiting != request.longest_waiting;
    if (!last_of_length) continue;
    for (std::size_t seats = 1; seats <= capacity; ++seats) {
      if (best_weight_[seats] < 0) continue;
      const double seconds = cost_.Seconds(static_cast<std::uint32_t>(seats), request.longest_waiting);
      const double density = best_weight_[seats] / std::max(seconds, kLeastSeconds);
      if (density <= density_) continue;
      density_ = density;
      best_items = i + 1;
      best_seats = seats;
    }
  }
  // Which requests make up the best weight: walk the table back.
  for (std::size_t i = best_items, seats = best_seats; i-- > 0 && seats > 0;) {
    if (!taken_[i * row + seats]) continue;
    selection.TakeWaitingOf(*by_length_[i]);
    seats -= by_length_[i]->waiting;
  }
  // None fits into a batch of this backend: the shortest goes in parts.
  if (selection.empty()) selection.TakeWaitingOf(*by_length_.front());
}

}  // namespace smartbatch::scheduling
