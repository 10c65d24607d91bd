// One declaration for each strategy; each is defined in a file of its own in this folder.
#pragma once

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::scheduling {

StrategySpecification FcfsSpecification();
StrategySpecification SjfSpecification();
StrategySpecification FairSpecification();
StrategySpecification SjfAgingSpecification();
StrategySpecification FairTiersSpecification();
StrategySpecification DensitySpecification();
StrategySpecification DeadlineSpecification();
StrategySpecification WeightedFairSpecification();
StrategySpecification AdaptiveSpecification();

}  // namespace smartbatch::scheduling
