// A strategy that leaves the choice to another strategy.
#pragma once

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::scheduling {

// A strategy that follows one of the other strategies at a time: it passes on what it is told, and the followed
// strategy chooses. The advice which one to follow comes from outside the core (Scheduler::Follow), which has no time
// to compare strategies. The bounds are those of the strategy followed. StrategySpecification::takes_advice is true for
// such strategies and for no others.
class AdvisedStrategy : public Strategy {
 public:
  // The strategy that chooses; batches are counted under its name. The specification lives as long as the program.
  virtual const StrategySpecification& followed() const = 0;
  // Follows that strategy from now on, with its default parameters. Requires: `specification` lives as long as the
  // program. Returns false and changes nothing if it may not be followed (MayBeFollowed).
  virtual bool Follow(const StrategySpecification& specification) = 0;

  AdvisedStrategy* Advised() final { return this; }
};

}  // namespace smartbatch::scheduling
