// What the best would have been: written apart from the scheduler, slow, and used by the tests alone.
#pragma once

#include <cstdint>
#include <vector>

#include "services/proxy/scheduling/model/cost_model.h"

namespace smartbatch::test {

// One request's lengths.
using Lengths = std::vector<std::uint32_t>;

// The least sum of latencies in seconds with which one slot can serve requests that are all there at time 0, by trying
// every sequence of batches of whole requests (dynamic programming over the subsets: 3^n steps for n requests).
double BestSumOfLatencies(const std::vector<Lengths>& requests, std::uint32_t max_batch_size,
                          const scheduling::CostModel& cost);

// The same where the sequences of a request may travel in different batches. Riders must be free. Over the subsets of
// all sequences: at most some 12.
double BestSumOfLatenciesWithSplitting(const std::vector<Lengths>& requests, std::uint32_t max_batch_size,
                                       const scheduling::CostModel& cost);

// A sequence, and when it is due, in seconds from time 0.
struct Due {
  std::uint32_t length = 0;
  double seconds = 0;
};
// The most sequences that one slot can serve in time if all are there at time 0, by trying every sequence of batches
// (over the subsets: 3^n steps).
std::uint32_t MostInTime(const std::vector<Due>& sequences, std::uint32_t max_batch_size,
                         const scheduling::CostModel& cost);

struct Claim {
  double demand = 0;
  double weight = 1;
};
// The weighted max-min fair shares of a capacity: nobody gets more than the demand, and whoever gets less than it has
// no less over its weight than anybody else (progressive filling).
std::vector<double> MaxMinShares(const std::vector<Claim>& claims, double capacity);

}  // namespace smartbatch::test
