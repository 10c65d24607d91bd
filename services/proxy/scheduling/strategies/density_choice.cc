#include "services/proxy/scheduling/strategies/density_choice.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "services/proxy/scheduling/customers/customer.h"

namespace smartbatch::scheduling {
namespace {

// A seat that costs no more than this part of the batch costs nothing.
constexpr double kFreeSeat = 1e-9;
// Riders that do not pay before the search for more is given up.
constexpr int kMostRefusals = 4;
// If riders cost something, lengths up to this many times the shortest of them are tried together.
constexpr double kTriedTogether = 1.25;
constexpr std::uint32_t kMostOfARequest = 256;
// The load that is counted with at most: g stays below 20.
constexpr double kMostLoad = 0.95;

double Power(double base, double exponent) {
  if (exponent == 0.5) return std::sqrt(base);
  if (exponent == 0) return 1;
  if (exponent == 1) return base;
  if (exponent == 1.5) return base * std::sqrt(base);
  return std::pow(base, exponent);
}

}  // namespace

void DensityChoice::Start(const Surroundings& surroundings) {
  around_ = surroundings;
  const CostModel& cost = around_.cost;
  of_length_.Start(cost, around_.seats);
  riders_are_free_ = cost.RidersAreFree();
  efficiency_exponent_ = 0;
  if (!riders_are_free_) {
    efficiency_exponent_ = options_.efficiency_exponent * (1 - PaidOnce(cost, around_.mean_length));
  }
  index_exponent_ = 1 + efficiency_exponent_;
  if (cost.knee == CostModel::kCubicKnee) index_exponent_ /= CostModel::kCubicKnee;
  seats_.clear();
  heaviest_.Clear(around_.seats);
  weighed_ = 0;
  shortest_ = kLongestSequence;
  longest_ = 0;
  considered_weight_ = batch_weight_ = 0;
  considered_ = 0;
  refusals_ = 0;
  last_rider_of_ = nullptr;
  best_ = {};
  peak_ = 1;
}

// --- Weights ---

double DensityChoice::MostWeight(Time arrival, std::uint32_t length) const {
  const double age = ToSeconds(around_.now - arrival) + of_length_.Alone(length);
  return Power(std::max(age, kLeastSeconds), options_.age_exponent);
}

double DensityChoice::WeightOf(const PendingRequest& request) const {
  const double weight = MostWeight(request.arrival, request.longest_at_arrival);
  if (options_.tier_ratio == 1) return weight;
  return weight * std::pow(options_.tier_ratio, -static_cast<double>(request.customer->policy.tier));
}

double DensityChoice::WeightOf(const PendingRequest& request, double least_seconds, double least_seconds_left) const {
  const double weight = WeightOf(request);
  return request.waiting == 1 ? weight : weight * least_seconds / least_seconds_left;
}

double DensityChoice::WeightOf(const PendingRequest& request, std::uint32_t seats) const {
  return WeightOf(request) * (static_cast<double>(seats) / request.waiting);
}

double DensityChoice::DensityOf(const PendingRequest& request) const {
  const std::uint32_t seats = std::min(request.waiting, around_.seats);
  return WeightOf(request, seats) / std::max(around_.cost.Seconds(seats, request.longest_waiting), kLeastSeconds);
}

double DensityChoice::WeightOfAll() const {
  const auto all = static_cast<double>(around_.waiting_sequences);
  const double others = all - static_cast<double>(considered_);
  double weight = considered_weight_;
  if (others > 0) {
    const double mean = MostWeight(around_.now - around_.mean_age, around_.mean_length);
    weight += others * mean * static_cast<double>(around_.waiting_requests) / all;
  }
  return weight / (1 - std::min(around_.load, kMostLoad));
}

// --- By sequence ---

void DensityChoice::Consider(PendingSequence& sequence) {
  PendingRequest& request = *sequence.request;
  if (request.strategy_mark != of_length_.version()) {
    request.strategy_mark = of_length_.version();
    request.strategy_rank = of_length_.LeastSecondsLeft(request);
  }
  Consider(sequence, request.strategy_rank);
}

void DensityChoice::Consider(PendingSequence& sequence, double least_seconds_left) {
  const double least_seconds = of_length_.LeastSeconds(sequence.length);
  const double weight = WeightOf(*sequence.request, least_seconds, least_seconds_left);
  ++considered_;
  considered_weight_ += weight;
  // The batches that are still to be tried have enough heavier ones.
  if (!heaviest_.Accepts(weight)) return;
  seats_.push_back({&sequence, sequence.length, weight, least_seconds});
  shortest_ = std::min(shortest_, sequence.length);
  longest_ = std::max(longest_, sequence.length);
}

void DensityChoice::ConsiderWaitingOf(PendingRequest& request) {
  const double least_seconds_left = of_length_.LeastSecondsLeft(request);
  std::uint32_t left = std::max(kMostOfARequest, 2 * around_.seats);
  for (PendingSequence& sequence : request.sequences) {
    if (!MayBeChosen(sequence)) continue;
    if (left-- == 0) return;
    Consider(sequence, least_seconds_left);
  }
}

// (W / c) (Q / c)^eta = W Q^eta / c^(1 + eta). With a cubic knee, W Q^eta / (c^3)^((1 + eta) / 3) spares the root of c.
double DensityChoice::Index(const Heaviest::Item& batch, std::size_t sequences, std::uint32_t longest) const {
  constexpr double kLeastCubed = kLeastSeconds * kLeastSeconds * kLeastSeconds;
  const CostModel& model = around_.cost;
  const double cost = model.knee == CostModel::kCubicKnee
                          ? std::max(model.SecondsCubed(sequences, longest), kLeastCubed)
                          : std::max(model.Seconds(sequences, longest), kLeastSeconds);
  return batch.weight * Power(batch.least_seconds, efficiency_exponent_) / Power(cost, index_exponent_);
}

bool DensityChoice::CouldBeBetter(double weight, std::uint32_t length) const {
  const double heaviest = heaviest_.empty() ? weight : std::max(weight, heaviest_[0].weight);
  return heaviest > best_.index * of_length_.LeastSeconds(length);
}

// The heavier first, and of equally heavy ones the longer and then the older. It orders any two.
bool DensityChoice::IsHeavier(const Seat& left, const Seat& right) {
  if (left.weight != right.weight) return left.weight > right.weight;
  if (left.length != right.length) return left.length > right.length;
  const PendingSequence& first = *left.sequence;
  const PendingSequence& second = *right.sequence;
  if (first.request != second.request) return first.request->id.number < second.request->id.number;
  return first.index() < second.index();
}

void DensityChoice::Weigh() {
  const auto longest_with = [&](std::uint32_t shortest) {
    return riders_are_free_ ? shortest : static_cast<std::uint32_t>(kTriedTogether * shortest);
  };
  // Those of one class need no order.
  const bool all_together = longest_ <= longest_with(shortest_);
  if (!all_together) {
    std::sort(seats_.begin() + static_cast<std::ptrdiff_t>(weighed_), seats_.end(),
              [](const Seat& left, const Seat& right) {
                return left.length != right.length ? left.length < right.length : IsHeavier(right, left);
              });
  }
  while (weighed_ < seats_.size()) {
    const std::uint32_t end = all_together ? longest_ : longest_with(seats_[weighed_].length);
    std::uint32_t longest = 0;
    for (; weighed_ < seats_.size() && seats_[weighed_].length <= end; ++weighed_) {
      const Seat& seat = seats_[weighed_];
      if (!heaviest_.Accepts(seat.weight)) continue;
      heaviest_.Add({seat.weight, seat.least_seconds});
      longest = std::max(longest, seat.length);
    }
    // What was the best before costs more at a larger length.
    if (longest > 0) TryLength(longest, weighed_);
  }
  shortest_ = kLongestSequence;
  longest_ = 0;
}

// The best batch whose longest sequence has this length, given the heaviest sequences up to it.
void DensityChoice::TryLength(std::uint32_t length, std::size_t no_longer) {
  const double alone = std::max(of_length_.Alone(length), kLeastSeconds);
  if (heaviest_.weight() <= best_.index * alone) return;
  const std::size_t most = heaviest_.size();
  if (riders_are_free_) {
    best_ = {heaviest_.weight() / alone, heaviest_[most - 1].weight, most, no_longer};
    return;
  }
  sums_.resize(most);
  Heaviest::Item sum;
  for (std::size_t i = 0; i < most; ++i) {
    sum.weight += heaviest_[i].weight;
    sum.least_seconds += heaviest_[i].least_seconds;
    sums_[i] = sum;
  }
  // No index is above W / c, and from n = c(1, L) / q(L) on c is at least n q(L): there W / c falls.
  const double falls_from = alone / of_length_.LeastSeconds(length);
  const std::size_t densest = falls_from < static_cast<double>(most) ? static_cast<std::size_t>(falls_from) : most - 1;
  if (sums_[densest].weight <= best_.index * alone) return;
  const auto index = [&](std::size_t count) { return Index(sums_[count - 1], count, length); };
  // One peak, and seldom far from where it was at the length before.
  std::size_t count = std::clamp<std::size_t>(peak_, 1, sums_.size());
  double found = index(count);
  const auto climb = [&](std::size_t step) {
    bool climbed = false;
    for (;;) {
      const std::size_t next = count + step;  // a step down wraps around
      if (next < 1 || next > sums_.size()) return climbed;
      const double other = index(next);
      if (other <= found) return climbed;
      found = other;
      count = next;
      climbed = true;
    }
  };
  if (!climb(1)) climb(static_cast<std::size_t>(-1));
  peak_ = count;
  if (found > best_.index) best_ = {found, heaviest_[count - 1].weight, count, no_longer};
}

void DensityChoice::Take(Selection& selection) {
  assert(!seats_.empty() && selection.empty());
  batch_.clear();
  for (std::size_t i = 0; i < best_.no_longer; ++i) {
    if (seats_[i].weight >= best_.lightest) batch_.push_back(seats_[i]);
  }
  const std::size_t count = std::min(best_.seats, batch_.size());
  const auto end = batch_.begin() + static_cast<std::ptrdiff_t>(count);
  if (end != batch_.end()) std::nth_element(batch_.begin(), end, batch_.end(), IsHeavier);
  batch_.resize(count);
  if (!riders_are_free_) CutWhereThatPays();
  std::sort(batch_.begin(), batch_.end(), IsHeavier);
  batch_weight_ = 0;
  for (const Seat& seat : batch_) {
    selection.Take(*seat.sequence);
    batch_weight_ += seat.weight;
  }
}

void DensityChoice::CutWhereThatPays() {
  const CostModel& cost = around_.cost;
  std::sort(batch_.begin(), batch_.end(), [](const Seat& left, const Seat& right) {
    return left.length != right.length ? left.length < right.length : IsHeavier(left, right);
  });
  const double all = WeightOfAll();
  while (batch_.size() > 1) {
    const std::uint32_t longest = batch_.back().length;
    const double whole = cost.Seconds(batch_.size(), longest);
    double most_gain = 0;
    std::size_t best = batch_.size();
    double weight = 0;
    for (std::size_t first = 1; first < batch_.size(); ++first) {
      weight += batch_[first - 1].weight;
      const double sooner = cost.Seconds(first, batch_[first - 1].length);
      const double longer = sooner + cost.Seconds(batch_.size() - first, longest) - whole;
      const double gain = weight * (whole - sooner) - longer * (all - weight);
      if (gain <= most_gain) continue;
      most_gain = gain;
      best = first;
    }
    if (best == batch_.size()) return;
    batch_.resize(best);
  }
}

bool DensityChoice::Pays(const PendingSequence& sequence, const Selection& selection) {
  if (riders_are_free_) return true;
  const std::size_t taken = selection.members().size();
  const double before = around_.cost.Seconds(taken, selection.longest());
  const double seat = around_.cost.Seconds(taken + 1, selection.longest()) - before;
  const bool is_free = seat <= kFreeSeat * before;
  const std::uint32_t later = std::max(around_.usual_batch, static_cast<std::uint32_t>(taken + 1));
  const double saved = around_.cost.Packed(sequence.length, later) - seat;
  if (!is_free && seat * batch_weight_ > saved * (WeightOfAll() - batch_weight_)) return false;
  const PendingRequest& request = *sequence.request;
  if (last_rider_of_ != &request) {
    last_rider_of_ = &request;
    least_seconds_left_ = of_length_.LeastSecondsLeft(request);
  }
  batch_weight_ += WeightOf(request, of_length_.LeastSeconds(sequence.length), least_seconds_left_);
  return true;
}

bool DensityChoice::FillWith(PendingSequence& sequence, Selection& selection) {
  if (sequence.selected || sequence.length > selection.longest()) return true;
  if (Pays(sequence, selection)) {
    selection.Take(sequence);
  } else {
    ++refusals_;
  }
  return refusals_ < kMostRefusals;
}

void DensityChoice::Fill(Selection& selection) {
  for (auto seat = seats_.rbegin(); seat != seats_.rend() && selection.free_seats() > 0; ++seat) {
    if (!FillWith(*seat->sequence, selection)) return;
  }
}

// --- By request ---

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
  double best_density = 0;
  for (std::size_t i = 0; i < by_length_.size(); ++i) {
    const PendingRequest& request = *by_length_[i];
    weight += WeightOf(request);
    sequences += request.waiting;
    const double density = weight / std::max(around_.cost.Seconds(sequences, request.longest_waiting), kLeastSeconds);
    if (density <= best_density) continue;
    best_density = density;
    best_count = i + 1;
  }
  for (std::size_t i = 0; i < best_count; ++i) selection.TakeWaitingOf(*by_length_[i]);
}

// Not split: the heaviest set of whole requests, a 0/1 knapsack over the seats. Of a request with more sequences than
// there are seats, a part that fills the batch counts as whole, with its share of the request's weight.
void DensityChoice::ChooseRequests(std::span<PendingRequest* const> candidates, Selection& selection) {
  SortByLength(candidates);
  const std::size_t capacity = selection.free_seats();
  const std::size_t row = capacity + 1;
  // best_weight_[n]: the largest weight of requests that need n seats together; below 0 if there are none.
  best_weight_.assign(row, -1);
  best_weight_[0] = 0;
  taken_.assign(by_length_.size() * row, false);
  double best_density = 0;
  std::size_t best_items = 0;
  std::size_t best_seats = 0;
  for (std::size_t i = 0; i < by_length_.size(); ++i) {
    const PendingRequest& request = *by_length_[i];
    const std::uint32_t needed = std::min(request.waiting, selection.free_seats());
    const double weight = WeightOf(request, needed);
    for (std::size_t seats = capacity; seats >= needed; --seats) {
      const double without = best_weight_[seats - needed];
      if (without < 0 || without + weight <= best_weight_[seats]) continue;
      best_weight_[seats] = without + weight;
      taken_[i * row + seats] = true;
    }
    const bool last_of_length =
        i + 1 == by_length_.size() || by_length_[i + 1]->longest_waiting != request.longest_waiting;
    if (!last_of_length) continue;
    for (std::size_t seats = 1; seats <= capacity; ++seats) {
      if (best_weight_[seats] < 0) continue;
      const double seconds = around_.cost.Seconds(static_cast<std::uint32_t>(seats), request.longest_waiting);
      const double density = best_weight_[seats] / std::max(seconds, kLeastSeconds);
      if (density <= best_density) continue;
      best_density = density;
      best_items = i + 1;
      best_seats = seats;
    }
  }
  // Which requests make up the best weight: walk the table back.
  for (std::size_t i = best_items, seats = best_seats; i-- > 0 && seats > 0;) {
    if (!taken_[i * row + seats]) continue;
    seats -= std::min<std::size_t>(by_length_[i]->waiting, seats);
    selection.TakeWaitingOf(*by_length_[i]);
  }
  // A batch that is believed to take for ever has no density.
  if (selection.empty()) selection.TakeWaitingOf(*by_length_.front());
}

}  // namespace smartbatch::scheduling
