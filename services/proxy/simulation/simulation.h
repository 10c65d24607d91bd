// The scheduler in virtual time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "common/time.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/observer.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/simulation/arrival_feed.h"
#include "services/proxy/simulation/result.h"
#include "services/proxy/simulation/simulated_backend.h"

namespace smartbatch::simulation {

// One sequence of a batch, as a request of the feed (counted from 0) and a sequence of it.
struct DecisionMember {
  std::uint64_t request = 0;
  std::uint32_t sequence = 0;
};

// A batch that left. The batch is valid only during the call.
struct SimulatedDecision {
  const scheduling::Batch& batch;
  std::span<const DecisionMember> members;
};

struct StrategySwitch {
  Time time{};
  scheduling::StrategyChoice strategy;
};

// Callers that do not wait for ever: they cancel or set a deadline.
struct Impatience {
  // This share of the requests is cancelled, after an exponential time of this mean.
  double cancel_share = 0;
  Duration mean_patience = std::chrono::seconds(1);
  // This share of the requests has a deadline, this long after its arrival.
  double deadline_share = 0;
  Duration deadline = std::chrono::seconds(1);
};

// The scheduler's default options without limits on the queue.
scheduling::SchedulerOptions UnlimitedQueue();

struct SimulationOptions {
  scheduling::SchedulerOptions scheduler = UnlimitedQueue();
  // One of SimulatedStrategies().
  scheduling::StrategyChoice strategy{"fcfs", {}};
  // In order of time.
  std::vector<StrategySwitch> switches;
  std::vector<SimulatedBackend> backends{SimulatedBackend{}};
  std::map<std::string, scheduling::CustomerPolicy> customers;
  Impatience impatience;
  // This share of the feed's requests, the first ones, is left out of the figures.
  double warmup_share = 0.1;
  // Arrivals are Poisson, which the lower bound may then use.
  bool poisson_arrivals = false;
  // For jitter, faults and impatience; the feed has seeds of its own.
  std::uint64_t seed = 1;

  // May be null; must outlive the simulation.
  scheduling::SchedulerObserver* observer = nullptr;
  // Called for each batch; may be empty.
  std::function<void(const SimulatedDecision&)> on_decision;
  // Called for each accepted request that ends, with its customer (an index into the feed's); may be empty.
  std::function<void(std::uint32_t customer, const scheduling::Finished&)> on_ended;
  // Called now and then with the number of requests offered so far; if it returns false the simulation ends. May be
  // empty.
  std::function<bool(std::uint64_t)> keep_going;
};

// Plays the feed to its end, and on until every request has ended.
//
// What happens at the same moment happens in this order: batches end, deadlines pass, callers give up, the strategy is
// switched, requests come; only then are the free slots given batches. So all requests of time 0 are known to the
// first decision. An abandoned batch ends at once with CANCELLED. A
// strategy that takes advice is advised at its intervals (advisor.h). The same options and feed give the same
// result, to the byte.
//
// INVALID_ARGUMENT if an option is wrong, CANCELLED if keep_going said so, INTERNAL if the strategy leaves requests
// waiting for ever.
absl::StatusOr<Result> Simulate(ArrivalFeed& feed, const SimulationOptions& options);

}  // namespace smartbatch::simulation
