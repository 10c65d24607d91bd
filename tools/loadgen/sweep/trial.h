// One try of a sweep: a block, played against a server or simulated, judged by an objective.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"
#include "services/proxy/simulation/simulation.h"
#include "tools/loadgen/analysis/objective.h"
#include "tools/loadgen/model/result_set.h"
#include "tools/loadgen/sweep/rate_search.h"

namespace smartbatch::loadgen {

// A trial breaks its objective if a larger share of its requests was not answered, whatever the latency of the others.
inline constexpr double kMostFailed = 0.001;

// `max_dispatch_delay_ms` as in Provenance. INVALID_ARGUMENT if the figure is not known: too few answers, or no
// request of the customer.
absl::StatusOr<Trial> Judge(const Block& block, const Objective& objective, double requests_per_second,
                            double max_dispatch_delay_ms);

struct BlockTimes {
  Duration warm_up{};
  Duration measured{};
};

// The block that the same workload, seeds and times give in virtual time: the arrivals are the same as a server's.
absl::StatusOr<Block> SimulateBlock(const workload::Workload& workload, const workload::Seeds& seeds,
                                    const BlockTimes& times, const simulation::SimulationOptions& options);

}  // namespace smartbatch::loadgen
