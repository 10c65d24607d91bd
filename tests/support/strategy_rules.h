// What may be expected of a strategy, read from its name and parameters.
#pragma once

#include "common/random.h"
#include "common/time.h"
#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::test {

struct StrategyRules {
  // A batch holds all waiting sequences of a request or none.
  bool whole_requests = true;
  // The same, but only while everything that waits fits into one batch and riders are free.
  bool whole_requests_if_uncontended = false;
  // A customer's requests leave in the order of their arrival; and those of all customers.
  bool order_within_customer = false;
  bool order_over_all = false;
  // A free slot may stay idle for this time and this share of the batch's cost while something waits.
  Duration linger{};
  // Requests that cannot be in time any more may be given up.
  bool gives_up = false;
  double hold = 0;
};

// The choice must be valid; parameters that are not given have their defaults. `adaptive` is taken as it starts.
StrategyRules RulesOf(const scheduling::StrategyChoice& choice);

// The strategy with valid parameters drawn from their whole ranges, both ends and the default included.
scheduling::StrategyChoice WithRandomParameters(const scheduling::StrategySpecification& specification, Random& random);
// Any strategy, with such parameters.
scheduling::StrategyChoice AnyStrategy(Random& random);

}  // namespace smartbatch::test
