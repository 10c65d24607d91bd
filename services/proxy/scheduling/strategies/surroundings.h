// What a choice has to know beyond its candidates, from what the scheduler knows.
#pragma once

#include <cstdint>

#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/queue/pending_set.h"
#include "services/proxy/scheduling/strategies/density_choice.h"
#include "services/proxy/scheduling/strategies/strategy.h"
#include "services/proxy/scheduling/strategies/traffic.h"

namespace smartbatch::scheduling {

// Linear in the backends.
inline DensityChoice::Surroundings SurroundingsOf(const Occasion& occasion, const PendingSet& pending,
                                                  const Traffic& traffic, const BackendPool& backends) {
  return {.now = occasion.now,
          .cost = occasion.cost,
          .seats = occasion.max_batch_size,
          .waiting_requests = pending.waiting_requests(),
          .waiting_sequences = pending.waiting_sequences(),
          .mean_age = pending.MeanAge(occasion.now),
          .mean_length = traffic.MeanLength(),
          .load = traffic.Load(backends.Slots()),
          .usual_batch = traffic.MeanBatch(occasion.max_batch_size)};
}

}  // namespace smartbatch::scheduling
