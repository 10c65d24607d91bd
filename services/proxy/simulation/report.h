// Results as JSON.
#pragma once

#include <string>
#include <vector>

#include "common/workload/workload.h"
#include "services/proxy/simulation/result.h"
#include "services/proxy/simulation/simulation.h"

namespace smartbatch::simulation {

// What was simulated, as the report names it.
struct Scenario {
  std::string workload;  // the name of a generator, or the path of a trace
  double rho = 0;        // 0 if it has no meaning: for closed loops and traces
  std::uint64_t requests = 0;
  std::uint64_t seed = 0;
  double warmup_share = 0;
  std::uint32_t max_batch_size = 0;
  std::uint32_t backends = 0;
  std::uint32_t slots = 0;  // of each backend
  workload::Seeds seeds = {};
};

// The version of the schema below: raised when a field changes its meaning or goes away.
inline constexpr int kReportSchemaVersion = 1;

// {"schema_version", "workload": {...}, "results": [{"strategy", "parameters", "requests", "latency_ms": {"mean",
// "p50", "p90", "p99", "p999", "max"}, "throughput_per_second", "busy_share", "batch_sequences_mean", "padding_share",
// "slowdown", "worst_customer_slowdown", "charged_share_index", "fairness_gap_seconds", "arrival_seconds",
// "drain_seconds", "lower_bound_ms", "outcomes", "customers": [...]}]}; null if a figure cannot be given.
std::string ReportJson(const Scenario& scenario, const std::vector<Result>& results);

// One line of a decision log, with its line end:
// {"time_ms", "strategy", "backend", "members": [[request, sequence], ...], "longest", "cost_seconds", "reason"}
std::string DecisionLine(const SimulatedDecision& decision);

}  // namespace smartbatch::simulation
