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
// The load that is counted with at most: g stays below 20.
constexpr double kMostLoad = 0.95;

double Power(double base, double exponent) {
  if (exponent == 0.5) return std::sqrt(base);
  if (exponent == 0) return 1;
  if (exponent == 1) return base;
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
  seats_.clear();
  sequences_.clear();
  heaviest_.clear();
  groups_.clear();
  before_.clear();
  sums_.clear();
  heaviest_sum_ = heaviest_seat_ = considered_weight_ = batch_weight_ = 0;
  best_ = {};
  peak_ = 1;
}

// --- Weights ---

double DensityChoice::AgeWeight(Time arrival, double own_seconds) const {
  const double age = ToSeconds(around_.now - arrival) + own_seconds;
  return Power(std::max(age, kLeastSeconds), options_.age_exponent);
}

double DensityChoice::MostWeight(Time arrival, std::uint32_t length) const {
  return AgeWeight(arrival, of_length_.Alone(length));
}

double DensityChoice::TierWeight(const PendingRequest& request) const {
  if (options_.tier_ratio == 1) return 1;
  return std::pow(options_.tier_ratio, -static_cast<double>(request.customer->policy.tier));
}

double DensityChoice::WeightOf(const PendingRequest& request) const {
  return MostWeight(request.arrival, request.longest_at_arrival) * TierWeight(request);
}

double DensityChoice::WeightOf(const Candidate& candidate) const {
  return AgeWeight(candidate.arrival, candidate.own_seconds) * candidate.share *
         TierWeight(*candidate.sequence->request);
}

double DensityChoice::ShareOf(const PendingSequence& sequence) const {
  const PendingRequest& request = *sequence.request;
  if (request.waiting == 1) return 1;
  double left_to_do = 0;
  for (const PendingSequence& other : request.sequences) {
    if (MayBeChosen(other)) left_to_do += of_length_.LeastSeconds(other.length);
  }
  return of_length_.LeastSeconds(sequence.length) / left_to_do;
}

double DensityChoice::DensityOf(const PendingRequest& request) const {
  return WeightOf(request) / std::max(around_.cost.Seconds(request.waiting, request.longest_waiting), kLeastSeconds);
}

double DensityChoice::WeightOfAll() const {
  const auto all = static_cast<double>(around_.waiting_sequences);
  const double others = all - static_cast<double>(sequences_.size());
  double weight = considered_weight_;
  if (others > 0) {
    const double mean = MostWeight(around_.now - around_.mean_age, around_.mean_length);
    weight += others * mean * static_cast<double>(around_.waiting_requests) / all;
  }
  return weight / (1 - std::min(around_.load, kMostLoad));
}

// --- By sequence ---

void DensityChoice::Know(Candidate& candidate) const {
  if (candidate.costs == of_length_.version()) return;
  const PendingRequest& request = *candidate.sequence->request;
  candidate.costs = of_length_.version();
  candidate.own_seconds = of_length_.Alone(request.longest_at_arrival);
  candidate.share = ShareOf(*candidate.sequence);
  candidate.least_seconds = of_length_.LeastSeconds(candidate.length);
}

void DensityChoice::Consider(Candidate& candidate) {
  Know(candidate);
  const double weight = WeightOf(candidate);
  const auto place = static_cast<std::uint32_t>(sequences_.size());
  seats_.push_back({std::uint64_t{candidate.length} << 32 | ~place, weight, candidate.least_seconds});
  sequences_.push_back(candidate.sequence);
  heaviest_seat_ = std::max(heaviest_seat_, weight);
  considered_weight_ += weight;
}

void DensityChoice::ConsiderAll(PendingRequest& request) {
  for (PendingSequence& sequence : request.sequences) {
    if (!MayBeChosen(sequence)) continue;
    Candidate candidate(sequence);
    Consider(candidate);
  }
}

double DensityChoice::Index(double weight, double least_seconds, double seconds) const {
  const double density = weight / seconds;
  if (efficiency_exponent_ == 0) return density;
  return density * Power(std::min(1.0, least_seconds / seconds), efficiency_exponent_);
}

bool DensityChoice::CouldBeBetter(double weight, std::uint32_t length) const {
  return std::max(weight, heaviest_seat_) > best_.index * of_length_.LeastSeconds(length);
}

void DensityChoice::Weigh() {
  Group group;
  group.begin = groups_.empty() ? 0 : groups_.back().end;
  group.end = seats_.size();
  if (group.begin == group.end) return;
  group.before = before_.size();
  group.size_before = heaviest_.size();
  group.sum_before = heaviest_sum_;
  before_.insert(before_.end(), heaviest_.begin(), heaviest_.end());
  group.shortest = kLongestSequence;
  std::uint32_t longest = 0;
  bool changed = false;
  for (std::size_t i = group.begin; i < group.end; ++i) {
    group.shortest = std::min(group.shortest, seats_[i].length());
    longest = std::max(longest, seats_[i].length());
    changed = AddToHeaviest(seats_[i]) || changed;
  }
  // What was the best before costs more at a larger length.
  if (changed) {
    group.most = BestOfLength(group.shortest);
    if (group.most.index > best_.index) Try(longest, group.end);
    if (group.shortest == longest) group.most = {};
  }
  groups_.push_back(group);
}

// Of the groups that could still hold a better batch the one first that could hold the best.
void DensityChoice::TryInDetail() {
  for (;;) {
    const auto group = std::max_element(groups_.begin(), groups_.end(), [](const Group& left, const Group& right) {
      return left.most.index < right.most.index;
    });
    if (group == groups_.end() || group->most.index <= best_.index) return;
    TryEachLength(*group);
    group->most = {};
  }
}

void DensityChoice::TryEachLength(Group& group) {
  const auto before = before_.begin() + static_cast<std::ptrdiff_t>(group.before);
  heaviest_.assign(before, before + static_cast<std::ptrdiff_t>(group.size_before));
  heaviest_sum_ = group.sum_before;
  sums_.clear();
  peak_ = group.most.count;
  Sort(group);
  bool changed = false;
  for (std::size_t i = group.begin; i + 1 < group.end; ++i) {
    changed = AddToHeaviest(seats_[i]) || changed;
    const std::uint32_t length = seats_[i].length();
    if (!changed || seats_[i + 1].length() == length) continue;
    changed = false;
    Try(length, i + 1);
  }
}

void DensityChoice::Try(std::uint32_t length, std::size_t no_longer) {
  const Peak peak = BestOfLength(length);
  if (peak.index < best_.index || (peak.index == best_.index && length >= best_.length)) return;
  best_ = {peak.index, length, peak.count, no_longer, heaviest_[heaviest_.size() - peak.count].weight};
}

void DensityChoice::Sort(Group& group) {
  if (group.sorted) return;
  std::sort(seats_.begin() + static_cast<std::ptrdiff_t>(group.begin),
            seats_.begin() + static_cast<std::ptrdiff_t>(group.end),
            [](const Seat& left, const Seat& right) { return left.key < right.key; });
  group.sorted = true;
}

// The best batch of the heaviest if its longest sequence has this length.
DensityChoice::Peak DensityChoice::BestOfLength(std::uint32_t length) {
  if (riders_are_free_) {
    return {heaviest_sum_ / std::max(around_.cost.Alone(length), kLeastSeconds), heaviest_.size()};
  }
  const auto index = [&](std::size_t count) {
    const Heavy& sum = SumOfHeaviest(count);
    const double seconds = std::max(around_.cost.Seconds(count, length), kLeastSeconds);
    return Index(sum.weight, sum.least_seconds, seconds);
  };
  // One peak, and seldom far from where it was at the length before.
  std::size_t count = std::clamp<std::size_t>(peak_, 1, heaviest_.size());
  double found = index(count);
  const auto climb = [&](std::size_t step) {
    bool climbed = false;
    for (;;) {
      const std::size_t next = count + step;  // a step down wraps around
      if (next < 1 || next > heaviest_.size()) return climbed;
      const double other = index(next);
      if (other <= found) return climbed;
      found = other;
      count = next;
      climbed = true;
    }
  };
  if (!climb(1)) climb(static_cast<std::size_t>(-1));
  peak_ = count;
  return {found, count};
}

const DensityChoice::Heavy& DensityChoice::SumOfHeaviest(std::size_t count) {
  while (sums_.size() < count) {
    const Heavy& next = heaviest_[heaviest_.size() - 1 - sums_.size()];
    const Heavy before = sums_.empty() ? Heavy{} : sums_.back();
    sums_.push_back({before.weight + next.weight, before.least_seconds + next.least_seconds});
  }
  return sums_[count - 1];
}

// False if it is too light.
bool DensityChoice::AddToHeaviest(const Seat& seat) {
  if (heaviest_.size() == around_.most) {
    if (seat.weight <= heaviest_.front().weight) return false;
    heaviest_sum_ -= heaviest_.front().weight;
  } else {
    heaviest_.insert(heaviest_.begin(), Heavy{});
  }
  heaviest_sum_ += seat.weight;
  // The lightest has gone, or is the new place: those that are lighter than this one move down.
  std::size_t place = 0;
  for (; place + 1 < heaviest_.size() && heaviest_[place + 1].weight < seat.weight; ++place) {
    heaviest_[place] = heaviest_[place + 1];
  }
  heaviest_[place] = {seat.weight, seat.least_seconds};
  // The sums of those that are heavier hold.
  sums_.resize(std::min(sums_.size(), heaviest_.size() - 1 - place));
  return true;
}

void DensityChoice::Take(Selection& selection) {
  assert(!seats_.empty() && selection.empty());
  TryInDetail();
  const auto heavier = [this](const Seat& left, const Seat& right) {
    if (left.weight != right.weight) return left.weight > right.weight;
    if (left.length() != right.length()) return left.length() > right.length();
    const PendingSequence& first = *sequences_[left.place()];
    const PendingSequence& second = *sequences_[right.place()];
    if (first.request != second.request) return first.request->id.number < second.request->id.number;
    return first.index() < second.index();
  };
  batch_.clear();
  for (std::size_t i = 0; i < best_.no_longer; ++i) {
    if (seats_[i].weight >= best_.lightest) batch_.push_back(seats_[i]);
  }
  const std::size_t count = std::min(best_.seats, batch_.size());
  const auto end = batch_.begin() + static_cast<std::ptrdiff_t>(count);
  if (end != batch_.end()) std::nth_element(batch_.begin(), end, batch_.end(), heavier);
  batch_.resize(count);
  if (!riders_are_free_) CutWhereThatPays();
  std::sort(batch_.begin(), batch_.end(), heavier);
  batch_weight_ = 0;
  for (const Seat& seat : batch_) {
    selection.Take(*sequences_[seat.place()]);
    batch_weight_ += seat.weight;
  }
}

void DensityChoice::CutWhereThatPays() {
  const CostModel& cost = around_.cost;
  std::sort(batch_.begin(), batch_.end(), [](const Seat& left, const Seat& right) { return left.key < right.key; });
  const double all = WeightOfAll();
  while (batch_.size() > 1) {
    const std::uint32_t longest = batch_.back().length();
    const double whole = cost.Seconds(batch_.size(), longest);
    double most_gain = 0;
    std::size_t best = batch_.size();
    double weight = 0;
    for (std::size_t first = 1; first < batch_.size(); ++first) {
      weight += batch_[first - 1].weight;
      const double sooner = cost.Seconds(first, batch_[first - 1].length());
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

bool DensityChoice::Pays(PendingSequence& sequence, const Selection& selection) {
  if (riders_are_free_) return true;
  Candidate candidate(sequence);
  Know(candidate);
  return Pays(WeightOf(candidate), candidate.least_seconds, selection);
}

bool DensityChoice::Pays(double weight, double least_seconds, const Selection& selection) {
  if (riders_are_free_) return true;
  const std::size_t taken = selection.members().size();
  const double before = around_.cost.Seconds(taken, selection.longest());
  const double seat = around_.cost.Seconds(taken + 1, selection.longest()) - before;
  const bool is_free = seat <= kFreeSeat * before;
  const double saved = least_seconds - seat;
  if (!is_free && seat * batch_weight_ > saved * (WeightOfAll() - batch_weight_)) return false;
  batch_weight_ += weight;
  return true;
}

void DensityChoice::Fill(Selection& selection) {
  int refusals = 0;
  const std::uint32_t longest = selection.longest();
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    if (group->shortest > longest) continue;
    Sort(*group);
    for (std::size_t i = group->end; i-- > group->begin;) {
      if (selection.free_seats() == 0 || refusals == kMostRefusals) return;
      PendingSequence& sequence = *sequences_[seats_[i].place()];
      if (sequence.length > longest || sequence.selected) continue;
      if (Pays(seats_[i].weight, seats_[i].least_seconds, selection)) {
        selection.Take(sequence);
      } else {
        ++refusals;
      }
    }
  }
}

}  // namespace smartbatch::scheduling
