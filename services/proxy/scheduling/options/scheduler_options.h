// The options of a scheduler: limits, timeouts and backends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <absl/status/status.h>

#include "common/time.h"
#include "services/proxy/scheduling/backends/backend_pool.h"

namespace smartbatch::scheduling {

struct SchedulerOptions {
  // The most sequences in a batch: 1 to 1024.
  std::uint32_t max_batch_size = 5;
  // The most characters in a sequence: 1 to kLongestSequence.
  std::uint32_t max_sequence_length = 20'000;
  // The most unfinished requests, waiting and running: in all, and of one customer. At least 1.
  std::uint64_t max_queued_requests = 50'000;
  std::uint64_t max_queued_requests_per_customer = 50'000;
  // The most bytes of unfinished requests, as given by their arrivals: in all, and of one customer. At least 1.
  std::uint64_t max_queued_bytes = 1ULL << 30;
  std::uint64_t max_queued_bytes_per_customer = 1ULL << 30;
  // The most predicted cost of the sequences of unfinished requests, each alone: in all, and of one customer. Above 0.
  Duration max_queued_cost = std::chrono::hours(1);
  Duration max_queued_cost_per_customer = std::chrono::hours(1);
  // How soon requests without a deadline should be answered: the objective of every customer that has none of its own.
  // Above 0; Duration::max() for none.
  Duration latency_objective = Duration::max();
  std::size_t max_idle_accounts = 10'000;
  // A batch is given up after max(batch_timeout_minimum, batch_timeout_factor * its predicted cost). When the backend's
  // cost is known (BackendPool::KnowsTimeOf) a second replaces a minimum that is longer. A cost that is only assumed
  // (BelievedCost) counts as at most batch_timeout_minimum here.
  Duration batch_timeout_minimum = std::chrono::seconds(5);
  double batch_timeout_factor = 10;
  // How often a sequence is sent at most if backends cannot be reached, or fail it alone: 1 to 100.
  std::uint32_t max_attempts = 3;
  // How many sequences may be sent again because backends cannot be reached, as a share of those served: 0 to 100.
  double retry_budget = 0.2;
  // Learns the cost of batches from those served; if false the cost stays what AddBackend was given.
  bool learn_costs = true;
  BackendOptions backends;

  absl::Status Validate() const;
};

}  // namespace smartbatch::scheduling
