// How other systems form batches, each by its published rule, to be simulated beside the proxy's own strategies. The
// proxy does not offer them: somebody who wants one of them has the original.
//
// If a publication leaves something open, the policy here does what serves callers better, and its class comment says
// so.
#pragma once

#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::simulation {

// In the order in which they are shown. A new one is added to the list in published_policies.cc.
const std::vector<scheduling::StrategySpecification>& PublishedPolicies();

// The proxy's strategies and the published policies: what can be simulated.
const std::vector<scheduling::StrategySpecification>& SimulatedStrategies();
// Returns null if there is none of that name.
const scheduling::StrategySpecification* FindSimulated(std::string_view name);
// Like scheduling::CheckChoice, among all strategies that can be simulated.
absl::StatusOr<scheduling::CheckedChoice> CheckSimulated(const scheduling::StrategyChoice& choice);

}  // namespace smartbatch::simulation
