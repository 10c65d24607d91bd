// What density_choice.h does with whole requests.
#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

#include "services/proxy/scheduling/strategies/density_choice.h"

namespace smartbatch::scheduling {

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

// Not split: the heaviest set of whole requests, a 0/1 knapsack over the seats.
void DensityChoice::ChooseRequests(std::span<PendingRequest* const> candidates, Selection& selection) {
  SortByLength(candidates);
  const std::size_t capacity = selection.free_seats();
  const std::size_t row = capacity + 1;
  // best_weight_[n]: the largest weight of requests that need n seats together; below 0 where there is none.
  best_weight_.assign(row, -1);
  best_weight_[0] = 0;
  taken_.assign(by_length_.size() * row, false);
  double best_density = 0;
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
    selection.TakeWaitingOf(*by_length_[i]);
    seats -= by_length_[i]->waiting;
  }
  // None fits into a batch of this backend: the shortest goes in parts.
  if (selection.empty()) selection.TakeWaitingOf(*by_length_.front());
}

}  // namespace smartbatch::scheduling
