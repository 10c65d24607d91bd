// The state of the scheduler at one moment, for the admin service and the gauges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/cost_model.h"
#include "common/time.h"
#include "services/proxy/runtime/device_shares.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::runtime {

struct CustomerState {
  std::string name;
  std::uint64_t queued_requests = 0;
  std::uint64_t queued_sequences = 0;
  // Since the arrival of the oldest request that waits; zero if none waits.
  Duration oldest_age{};
  double charged_seconds = 0;
  double weight = 1;
};

struct BackendState {
  std::string name;
  bool up = false;  // its last batch did not fail, and its health checks succeed
  std::uint32_t batches_in_flight = 0;
  std::uint32_t slots = 0;
  // The largest batch, in sequences, that it is believed to take; 0 if no limit below the proxy's own is known.
  std::uint32_t batch_size_limit = 0;
  CostModel cost;
  // The mean of |observed - believed| / believed over the last batches.
  double cost_residual_ratio = 0;
  // The median of |observed - predicted| / observed over the last batches, each predicted before it ran.
  double cost_prediction_error_ratio = 0;
  // The number of batches that the cost was learned from: at most the last CostFit::kSamples.
  std::size_t cost_batches = 0;
};

// The result of the last comparison of strategies; only for an active strategy that takes advice.
struct AdviceState {
  std::string reason;                    // a sentence
  double predicted_gain = 0;             // as a share of the objective
  std::map<std::string, double> scores;  // of each strategy; small is good
};

struct State {
  scheduling::StrategyChoice strategy;
  // The name of the strategy that chooses the batches: the active one, or the one that it follows.
  std::string deciding_strategy;
  std::optional<AdviceState> advice;
  std::uint64_t generation = 0;
  Duration uptime{};
  std::uint64_t queued_requests = 0;
  std::uint64_t queued_sequences = 0;
  // The limit on requests that wait or run.
  std::uint64_t max_queued_requests = 0;
  std::uint64_t batches_in_flight = 0;
  // Since the arrival of the oldest request that waits; zero if none waits.
  Duration oldest_age{};
  double fairness_gap_seconds = 0;
  scheduling::OutcomeCounts outcomes;
  std::vector<CustomerState> customers;
  std::vector<BackendState> backends;
  std::vector<DeviceState> devices;
};

// All but the uptime, the customers and the devices.
State DescribeScheduler(const scheduling::Scheduler& scheduler, Time now);

// At most `max_count` customers, those with requests in the queue first. Looks at no more than twice as many, since it
// runs under the dispatcher's lock.
std::vector<CustomerState> DescribeCustomers(const scheduling::Scheduler& scheduler, Time now, std::size_t max_count);
// The named customers, in this order.
std::vector<CustomerState> DescribeCustomers(const scheduling::Scheduler& scheduler, Time now,
                                             const std::vector<std::string>& names);

}  // namespace smartbatch::runtime
