#include "tests/support/oracles.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace smartbatch::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What the members of a set of requests or sequences need together.
struct Need {
  std::uint32_t seats = 0;
  std::uint32_t longest = 0;
};

Need NeedOf(std::uint32_t set, const std::vector<Need>& each) {
  Need need;
  for (std::size_t i = 0; i < each.size(); ++i) {
    if ((set >> i & 1U) == 0) continue;
    need.seats += each[i].seats;
    need.longest = std::max(need.longest, each[i].longest);
  }
  return need;
}

}  // namespace

double BestSumOfLatencies(const std::vector<Lengths>& requests, std::uint32_t max_batch_size, const CostModel& cost) {
  std::vector<Need> each;
  for (const Lengths& lengths : requests) {
    each.push_back({static_cast<std::uint32_t>(lengths.size()), *std::max_element(lengths.begin(), lengths.end())});
  }
  const std::uint32_t sets = 1U << requests.size();
  std::vector<Need> needs(sets);
  for (std::uint32_t set = 1; set < sets; ++set) needs[set] = NeedOf(set, each);
  // best[s]: the least sum of latencies if only the requests of s are there. All that wait or run wait for the batch.
  std::vector<double> best(sets, kInfinity);
  best[0] = 0;
  for (std::uint32_t set = 1; set < sets; ++set) {
    for (std::uint32_t batch = set; batch != 0; batch = (batch - 1) & set) {
      if (needs[batch].seats > max_batch_size) continue;
      const double seconds = cost.Seconds(needs[batch].seats, needs[batch].longest);
      best[set] = std::min(best[set], seconds * std::popcount(set) + best[set & ~batch]);
    }
  }
  return best[sets - 1];
}

std::uint32_t MostInTime(const std::vector<Due>& sequences, std::uint32_t max_batch_size, const CostModel& cost) {
  const std::uint32_t sets = 1U << sequences.size();
  std::vector<Need> each;
  for (const Due& sequence : sequences) each.push_back({1, sequence.length});
  // earliest[s]: the earliest end of a series of batches that serves all of s in time, and nothing else.
  std::vector<double> earliest(sets, kInfinity);
  earliest[0] = 0;
  std::uint32_t most = 0;
  for (std::uint32_t set = 1; set < sets; ++set) {
    for (std::uint32_t last = set; last != 0; last = (last - 1) & set) {
      const Need need = NeedOf(last, each);
      if (need.seats > max_batch_size) continue;
      const double end = earliest[set & ~last] + cost.Seconds(need.seats, need.longest);
      bool in_time = true;
      for (std::size_t i = 0; i < sequences.size(); ++i) {
        if ((last >> i & 1U) != 0 && sequences[i].seconds < end) in_time = false;
      }
      if (in_time) earliest[set] = std::min(earliest[set], end);
    }
    if (earliest[set] < kInfinity) most = std::max(most, static_cast<std::uint32_t>(std::popcount(set)));
  }
  return most;
}

double BestSumOfLatenciesWithSplitting(const std::vector<Lengths>& requests, std::uint32_t max_batch_size,
                                       const CostModel& cost) {
  std::vector<Need> each;
  std::vector<std::uint32_t> members;  // the sequences of each request, as a set
  for (const Lengths& lengths : requests) {
    members.push_back(0);
    for (const std::uint32_t length : lengths) {
      members.back() |= 1U << each.size();
      each.push_back({1, length});
    }
  }
  const std::uint32_t sets = 1U << each.size();
  std::vector<std::uint32_t> longest(sets);
  for (std::uint32_t set = 1; set < sets; ++set) longest[set] = NeedOf(set, each).longest;
  std::vector<double> best(sets, kInfinity);
  best[0] = 0;
  for (std::uint32_t set = 1; set < sets; ++set) {
    const auto open = std::count_if(members.begin(), members.end(), [&](std::uint32_t m) { return (m & set) != 0; });
    for (std::uint32_t batch = set; batch != 0; batch = (batch - 1) & set) {
      const auto seats = static_cast<std::uint32_t>(std::popcount(batch));
      if (seats > max_batch_size) continue;
      const double seconds = cost.Seconds(seats, longest[batch]);
      best[set] = std::min(best[set], seconds * static_cast<double>(open) + best[set & ~batch]);
    }
  }
  return best[sets - 1];
}

std::vector<double> MaxMinShares(const std::vector<Claim>& claims, double capacity) {
  std::vector<double> shares(claims.size(), 0);
  std::vector<bool> met(claims.size(), false);
  for (;;) {
    double weights = 0;
    for (std::size_t i = 0; i < claims.size(); ++i) weights += met[i] ? 0 : claims[i].weight;
    if (weights == 0) return shares;
    // A claim of less than its part of what is left gets all that it wants, and the others share the rest.
    const double level = capacity / weights;
    bool any_met = false;
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (met[i] || claims[i].demand > level * claims[i].weight) continue;
      shares[i] = claims[i].demand;
      capacity -= shares[i];
      met[i] = any_met = true;
    }
    if (any_met) continue;
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (!met[i]) shares[i] = level * claims[i].weight;
    }
    return shares;
  }
}

}  // namespace smartbatch::test
