// The dynamic program of TurboTransformers' batch scheduler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/cost_model.h"

namespace smartbatch::simulation {

// Cuts the lengths, which must be ascending, into runs of at most `max_batch_size` whose batches take the least time
// together. Returns the position after each run, in order; of cuts that take the same time, one with longer runs.
// Complexity: the number of lengths times max_batch_size.
std::vector<std::size_t> CheapestRuns(std::span<const std::uint32_t> lengths, std::uint32_t max_batch_size,
                                      const CostModel& cost);

}  // namespace smartbatch::simulation
