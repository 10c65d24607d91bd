// How far a strategy is from the best that brute force finds.
#pragma once

#include <cstdint>
#include <vector>

#include "common/random.h"
#include "common/statistics.h"
#include "services/proxy/scheduling/strategies/strategy.h"
#include "tests/support/oracles.h"

namespace smartbatch::test {

// Draws requests of 1 to `most_sequences` sequences of lognormal lengths: median 80, sigma 1, from 10 to 2000.
std::vector<Lengths> DrawProblem(Random& random, int requests, std::int64_t most_sequences);

enum class Splitting : std::uint8_t { kNo, kYes };

// The sum of latencies divided by the least possible one, for each of a number of instances of `requests` requests that
// are all there at time 0: 1 to 5 sequences (1 to 3, and at most 11 in all, with splitting), batches of 5. The same
// seed gives the same instances.
Sample RatiosToOptimum(const scheduling::StrategyChoice& strategy, Splitting splitting, int requests, int instances,
                       std::uint64_t seed);

}  // namespace smartbatch::test
