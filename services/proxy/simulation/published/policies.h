// One function for each published policy; each is defined in the file of its name.
#pragma once

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::simulation {

scheduling::StrategySpecification TritonSpecification();
scheduling::StrategySpecification TeiSpecification();
scheduling::StrategySpecification TurboSpecification();
scheduling::StrategySpecification MultibinSpecification();
scheduling::StrategySpecification ClockworkSpecification();

}  // namespace smartbatch::simulation
