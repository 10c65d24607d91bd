// A strategy that leaves the choice to another one.
#pragma once

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::scheduling {

// Follows one of the other strategies at a time: passes on to it what it is told, and lets it choose. Which one to
// follow is advised from outside of the core, where there is time to compare them (Scheduler::Follow). The bounds are
// those of the strategy that is followed. StrategySpecification::takes_advice is true for such strategies and no
// others.
class AdvisedStrategy : public Strategy {
 public:
  // The strategy that chooses, under whose name batches are counted; its specification lives as long as the program.
  virtual const StrategySpecification& followed() const = 0;
  // Follows that strategy from now on, with its defaults; `specification` lives as long as the program. Returns false,
  // and changes nothing, unless it may be followed (MayBeFollowed).
  virtual bool Follow(const StrategySpecification& specification) = 0;

  AdvisedStrategy* Advised() final { return this; }
};

}  // namespace smartbatch::scheduling
