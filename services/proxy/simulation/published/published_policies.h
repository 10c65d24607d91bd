// How other systems form batches: each by its published rule, to be simulated beside the proxy's own strategies. The
// proxy does not know them: whoever wants one of them has the original.
//
// Where a publication leaves something open, the policy here does what serves callers better, and its class comment
// says so.
#pragma once

#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::simulation {

// In the order they are shown. A new one is added to the list in published_policies.cc.
const std::vector<scheduling::StrategySpecification>& PublishedPolicies();

// The proxy's strategies and the published policies: what can be simulated.
const std::vector<scheduling::StrategySpecification>& SimulatedStrategies();
// Null if there is none of that name.
const scheduling::StrategySpecification* FindSimulated(std::string_view name);
// As scheduling::CheckChoice, among all that can be simulated.
absl::StatusOr<scheduling::CheckedChoice> CheckSimulated(const scheduling::StrategyChoice& choice);

}  // namespace smartbatch::simulation
