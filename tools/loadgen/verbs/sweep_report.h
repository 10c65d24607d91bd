// What a sweep found, for people and for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/loadgen/analysis/objective.h"
#include "tools/loadgen/model/result_set.h"
#include "tools/loadgen/sweep/rate_search.h"

namespace smartbatch::loadgen {

struct SweepEntry {
  LabelledStrategy strategy;
  std::optional<RateSearchResult> simulated;
  std::optional<RateSearchResult> server;

  // The server's rate divided by the simulated one, less 1; nothing if one of them is not known.
  std::optional<double> Difference() const;
};

struct SweepReport {
  // Its seeds are in the environment.
  Provenance provenance;
  Objective objective;
  std::string workload;
  double seconds = 0;
  double warm_up_seconds = 0;
  std::vector<SweepEntry> entries;
  bool interrupted = false;

  // Why the result must not be trusted, one sentence each; empty if it is sound.
  std::vector<std::string> Defects() const;
};

std::string SweepText(const SweepReport& report);

// The version of the schema below: raised when a field changes its meaning or goes away.
inline constexpr int kSweepSchemaVersion = 1;
// {"schema_version", "kind": "sweep", "objective", "workload", "command", "started_at", "seconds", "warm_up_seconds",
// "environment", "valid", "defects", "interrupted", "strategies": [{"strategy", "parameters", "server", "simulated",
// "difference"}]}, where `server` and `simulated` are {"largest_rate", "breaks_at", "estimate", "complete", "trials":
// [{"rate", "measured", "met", "defect"}]} or null; rates in requests a second.
std::string SweepJson(const SweepReport& report);

}  // namespace smartbatch::loadgen
