// Strategies with parameters drawn at random.
#pragma once

#include "common/random.h"
#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::test {

// The strategy with valid parameters drawn from their whole ranges, both ends and the default included.
scheduling::StrategyChoice WithRandomParameters(const scheduling::StrategySpecification& specification, Random& random);
// Any strategy, with such parameters.
scheduling::StrategyChoice AnyStrategy(Random& random);

}  // namespace smartbatch::test
