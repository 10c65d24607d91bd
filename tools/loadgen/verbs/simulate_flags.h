// The flags of `loadgen simulate`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "common/cost_model.h"
#include "common/program/cost_flags.h"
#include "common/workload/workload.h"
#include "services/proxy/scheduling/strategies/strategy.h"
#include "services/proxy/simulation/simulation.h"
#include "tools/loadgen/verbs/chart_flags.h"
#include "tools/loadgen/verbs/workload_flags.h"

namespace smartbatch::loadgen {

struct SimulateFlags {
  WorkloadFlags workload;
  std::uint64_t requests = 200'000;
  double warm_up_share = 0.1;
  bool allow_unstable = false;

  std::vector<std::string> strategies;
  std::vector<std::string> parameters;
  std::vector<std::string> switches;
  std::vector<std::string> weights;
  std::vector<std::string> tiers;

  std::uint32_t max_batch_size = 5;
  std::uint32_t backends = 1;
  std::uint32_t slots = 1;
  program::CostFlags cost;
  // What the scheduler is told instead.
  program::CostFlags believed;
  bool learn_costs = true;
  double jitter = 0;
  FaultRates faults;
  std::vector<std::string> outages;
  double cancel_share = 0;
  double mean_patience_ms = 1000;
  double deadline_share = 0;
  double deadline_ms = 1000;
  double latency_objective_ms = 1000;

  ChartFlags chart;
  std::string trace_out;
  std::string decisions_out;
  std::string format = "text";
  std::string progress = "auto";
};

void AddSimulateFlags(CLI::App& verb, SimulateFlags& flags);
// Adds the flags for what a batch takes and what the scheduler believes.
void AddCostFlags(CLI::App& verb, SimulateFlags& flags);

// The strategies in the order asked for, each with the parameters given for it and no others. INVALID_ARGUMENT for an
// unknown name or parameter, or a value out of range.
absl::StatusOr<std::vector<scheduling::StrategyChoice>> StrategiesOf(const SimulateFlags& flags);

// All but the strategy. INVALID_ARGUMENT names the flag that is wrong.
absl::StatusOr<simulation::SimulationOptions> SimulationOptionsOf(const SimulateFlags& flags);

// The workload asked for; a built-in one's rate is scaled to the slots. INVALID_ARGUMENT for one that cannot be made,
// and for one that no strategy can keep up with, unless that is allowed.
absl::StatusOr<ChosenWorkload> WorkloadOf(const SimulateFlags& flags);

}  // namespace smartbatch::loadgen
