// What the proxy's GetStatus says: what batches cost, and how much each customer was charged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/cost_model.h"
#include "smartbatch/proxy/v1/admin.pb.h"

namespace smartbatch::loadgen {

// Returns the cost of a batch as learned from the first backend that has run enough of them. Returns nothing if none
// has, since the proxy then reports only what it was told to believe.
std::optional<CostModel> LearnedCost(const proxy::v1::GetStatusResponse& status);

// Returns the seconds of backend time charged to each customer between the two statuses, divided by its weight. Empty
// if this is not known of every customer: a status lists at most 100, and another process has accounts of its own.
std::vector<double> ChargedOverWeight(const proxy::v1::GetStatusResponse& before,
                                      const proxy::v1::GetStatusResponse& after,
                                      const std::vector<std::string>& customers);

}  // namespace smartbatch::loadgen
