// The best possible outcomes: computed independently of the scheduler, slowly, and only for tests.
#pragma once

#include <cstdint>
#include <vector>

#include "common/cost_model.h"

namespace smartbatch::test {

// One request's lengths.
using Lengths = std::vector<std::uint32_t>;

// The least sum of latencies in seconds with which one slot can serve requests that are all there at time 0, by trying
// every series of batches of whole requests (dynamic programming over the subsets: 3^n steps for n requests).
double BestSumOfLatencies(const std::vector<Lengths>& requests, std::uint32_t max_batch_size, const CostModel& cost);

// The same if the sequences of a request may travel in different batches. Riders must be free. Searches the subsets of
// all sequences: for at most about 12.
double BestSumOfLatenciesWithSplitting(const std::vector<Lengths>& requests, std::uint32_t max_batch_size,
                                       const CostModel& cost);

// A sequence, and when it is due, in seconds from time 0.
struct Due {
  std::uint32_t length = 0;
  double seconds = 0;
};
// The most sequences that one slot can serve in time if all are there at time 0, by trying every series of batches
// (over the subsets: 3^n steps).
std::uint32_t MostInTime(const std::vector<Due>& sequences, std::uint32_t max_batch_size, const CostModel& cost);

struct Claim {
  double demand = 0;
  double weight = 1;
};
// The weighted max-min fair shares of a capacity: no claim gets more than its demand, and a claim that gets less than
// its demand gets no less, divided by its weight, than any other (progressive filling).
std::vector<double> MaxMinShares(const std::vector<Claim>& claims, double capacity);

}  // namespace smartbatch::test
