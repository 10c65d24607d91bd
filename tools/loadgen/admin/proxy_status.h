// What the proxy's GetStatus tells beside its answers: what batches cost, and who was charged how much.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/cost_model.h"
#include "smartbatch/proxy/v1/admin.pb.h"

namespace smartbatch::loadgen {

// The cost of a batch as learned from the first backend that has run enough of them; nothing if none has, since the
// rest is what the proxy was told to believe.
std::optional<CostModel> LearnedCost(const proxy::v1::GetStatusResponse& status);

// Seconds of backend time charged to each of the customers from one status to a later one, over its weight. Empty if it
// is not known of each: the status lists 100 customers at most, and another process has accounts of its own.
std::vector<double> ChargedOverWeight(const proxy::v1::GetStatusResponse& before,
                                      const proxy::v1::GetStatusResponse& after,
                                      const std::vector<std::string>& customers);

}  // namespace smartbatch::loadgen
