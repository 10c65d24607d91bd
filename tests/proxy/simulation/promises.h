// What the tests of the promises about waiting and about shares have in common.
#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/cost_model.h"
#include "common/random.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/workload_feed.h"

namespace smartbatch::test {

// Records for each request the cost of all that was unfinished when it came, itself included, and the longest wait as
// a share of what a bound allows.
class WaitObserver final : public scheduling::SchedulerObserver {
 public:
  // The bound in seconds for a request, from that cost and the largest cost of a request.
  using Bound = double (*)(double work_seconds, double largest_seconds);
  WaitObserver(Bound bound, const CostModel& cost, double largest_seconds)
      : bound_(bound), cost_(cost), largest_seconds_(largest_seconds) {}

  double worst_part() const { return worst_part_; }

  void Accepted(const scheduling::Customer&, const scheduling::PendingRequest& request) override {
    // In a batch of its own.
    const double work_seconds = cost_.Seconds(request.sequences.size(), request.longest_at_arrival);
    unfinished_seconds_ += work_seconds;
    requests_[request.id.number] = {work_seconds, unfinished_seconds_};
  }
  void Ended(const scheduling::Finished& finished) override {
    const Known known = requests_.at(finished.id.number);
    requests_.erase(finished.id.number);
    unfinished_seconds_ -= known.seconds;
    const double waited = ToSeconds(finished.finish - finished.arrival);
    worst_part_ = std::max(worst_part_, waited / bound_(known.work_seconds, largest_seconds_));
  }

 private:
  struct Known {
    double seconds = 0;
    double work_seconds = 0;
  };
  const Bound bound_;
  const CostModel cost_;
  const double largest_seconds_;
  std::map<std::uint64_t, Known> requests_;
  double unfinished_seconds_ = 0;
  double worst_part_ = 0;
};

inline workload::Workload Workload(const std::string& name, double rho, const CostModel& cost = {}) {
  workload::BuiltinOptions options;
  options.rho = rho;
  options.cost = cost;
  return workload::MakeBuiltin(name, options);
}

struct Waits {
  // The longest wait divided by what the bound allows.
  double worst_part = 0;
  double virtual_hours = 0;
};

// The waits of `requests` requests of a workload; `mixed` at 1.2 is more than sjf can carry.
inline Waits WaitsOf(const scheduling::StrategyChoice& strategy, WaitObserver::Bound bound, std::uint64_t seed,
                     const CostModel& cost, const std::string& name, double rho, std::uint64_t requests) {
  const workload::Workload workload = Workload(name, rho, cost);
  simulation::WorkloadFeed feed(workload, workload::Seeds::All(seed), requests);
  simulation::SimulationOptions options;
  WaitObserver observer(bound, cost, cost.Seconds(options.scheduler.max_batch_size, 2000));
  options.strategy = strategy;
  options.observer = &observer;
  options.scheduler.learn_costs = false;
  // `deadline` chooses by it; it is below the second after which the lanes open.
  options.scheduler.latency_objective = std::chrono::milliseconds(500);
  options.backends.front().true_cost = options.backends.front().believed_cost = cost;
  const auto result = simulation::Simulate(feed, options);
  EXPECT_TRUE(result.ok());
  return {observer.worst_part(), (result->arrival_seconds + result->drain_seconds) / 3600};
}

// For density, and for deadline if the request is late by then, with lane_share phi = 0.5 and lane_after T0 = 1:
// T0 + (1 + 1/phi) P + (2 + 1/phi) c_max.
inline double LaneBound(double work, double largest) { return 1 + 3 * work + 4 * largest; }
// For sjf_aging with max_wait = 1: the work that was ahead, and the batch that ran.
inline double MaxWaitBound(double work, double largest) { return 1 + work + largest; }

// The cost forms in which riders are free, cost as much as the longest, or hide behind a fixed part. The lane must be
// able to open within a run, so batches of a millisecond are made as long as the others.
inline std::vector<std::pair<std::string, CostModel>> CostForms() {
  CostModel gpu = *FindCostProfile("gpu");
  gpu.fixed *= 100;
  gpu.per_character *= 100;
  gpu.per_character_squared *= 100;
  CostModel sharp = gpu;
  sharp.knee = CostModel::kLargestKnee;
  return {{"seed", {}},
          {"cpu", *FindCostProfile("cpu")},
          {"gpu", gpu},
          {"sharp", sharp},
          {"all terms", {5e-3, 5e-7, 5e-3, 1e-4, 1e-7}}};
}

// --- Shares ---

inline constexpr double kWindowSeconds = 0.3;

inline simulation::Result PlayWeighted(const scheduling::StrategyChoice& strategy, const workload::Workload& workload,
                                       const std::map<std::string, scheduling::CustomerPolicy>& policies,
                                       std::uint64_t seed, std::uint64_t requests, const CostModel& cost = {}) {
  simulation::WorkloadFeed feed(workload, workload::Seeds::All(seed), requests);
  simulation::SimulationOptions options;
  options.strategy = strategy;
  options.customers = policies;
  options.warmup_share = 0;
  options.scheduler.learn_costs = false;
  options.backends.front().true_cost = options.backends.front().believed_cost = cost;
  return *simulation::Simulate(feed, options);
}

// Half of the customers have a weight of their own.
struct Weights {
  std::map<std::string, scheduling::CustomerPolicy> policies;
  double least = 1;
};
inline Weights DrawWeights(const workload::Workload& workload, Random& random) {
  Weights weights;
  for (const workload::CustomerModel& customer : workload.customers) {
    if (random.Chance(0.5)) continue;
    double& weight = weights.policies[customer.name].weight;
    weight = 0.25 + 4 * random.Uniform();
    weights.least = std::min(weights.least, weight);
  }
  return weights;
}

}  // namespace smartbatch::test
