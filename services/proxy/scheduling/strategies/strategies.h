// Every strategy: a declaration, and a place in the list. Each is defined in a file of its own in this folder.
#pragma once

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::scheduling {

StrategySpecification AdaptiveSpecification();
StrategySpecification DeadlineSpecification();
StrategySpecification DensitySpecification();
StrategySpecification FairSpecification();
StrategySpecification FairTiersSpecification();
StrategySpecification FcfsSpecification();
StrategySpecification SjfAgingSpecification();
StrategySpecification SjfSpecification();
StrategySpecification WeightedFairSpecification();

// In the order in which they are shown.
inline constexpr StrategySpecification (*kStrategies[])() = {
    FcfsSpecification,         SjfSpecification,       FairSpecification,
    SjfAgingSpecification,     FairTiersSpecification, DensitySpecification,
    WeightedFairSpecification, DeadlineSpecification,  AdaptiveSpecification,
};

}  // namespace smartbatch::scheduling
