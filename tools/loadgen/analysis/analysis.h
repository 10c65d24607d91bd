// All the figures of a result set, ready to be written down: each report only formats these.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/fairness.h"
#include "tools/loadgen/analysis/comparison.h"
#include "tools/loadgen/analysis/latency_summary.h"
#include "tools/loadgen/analysis/objective.h"
#include "tools/loadgen/model/result_set.h"

namespace smartbatch::loadgen {

// The requests of a customer, of a group of customers, or of all.
struct Slice {
  std::string name;
  // Of answered requests, from when they were due.
  LatencySummary latency;
  // Requests that were due in the measured time, and how they ended.
  std::uint64_t due = 0;
  std::uint64_t answered = 0;
  double due_per_second = 0;
  double answered_per_second = 0;
  // The mean of latency over the time that the request takes alone; nothing if the cost of a batch is not known.
  std::optional<double> slowdown;
  std::uint64_t failed() const { return due - answered; }
};

// Slices of the same requests, coarse to fine. Groups and customers are in the order of their names.
struct Breakdown {
  Slice all;
  std::vector<Slice> groups;
  std::vector<Slice> customers;
  // Of all repeats together the share index is the mean of theirs, if each of them has one.
  FairnessFigures fairness;
};

// One repeat of a strategy.
struct RepeatSummary {
  std::uint32_t repeat = 1;
  std::uint64_t seed = 1;
  Breakdown requests;
};

struct StrategySummary {
  StrategyChoice strategy;
  double measured_seconds = 0;
  // All repeats together.
  Breakdown requests;
  // Each of them, without one that was interrupted.
  std::vector<RepeatSummary> repeats;
  // Sequences for each batch on average, and batches a second, from what the answers tell; 0 where they do not.
  double sequences_per_batch = 0;
  double batches_per_second = 0;
  // Requests by status code, OK left out.
  std::map<int, std::uint64_t> failures;
  std::map<int, std::string> messages;
};

// The generator's own health over all blocks.
struct GeneratorHealth {
  std::uint64_t due = 0;
  std::uint64_t not_sent = 0;
  std::uint64_t unfinished = 0;
  // From due to sent, in milliseconds; p99 is by nearest rank, whatever the count.
  double dispatch_delay_p50 = 0;
  double dispatch_delay_p99 = 0;
  double dispatch_delay_maximum = 0;
  double cpu_microseconds_per_request = 0;
  // Share of one processor.
  double cpu_share = 0;
};

struct WorkloadAnalysis {
  std::string workload;
  // By name.
  std::vector<StrategySummary> strategies;
  // Every pair of strategies, for the mean, the median and the 95th percentile of the latency and the rate of answers.
  // A percentile is left out where a block has too few samples for it.
  std::vector<Difference> differences;
  // One sentence: which strategy is better, and whether that may be chance.
  std::string verdict;
  // Each objective under each strategy.
  std::vector<ObjectiveOutcome> objectives;
};

struct Analysis {
  std::vector<WorkloadAnalysis> workloads;
  GeneratorHealth generator;
  // Why the result must not be trusted; empty where it is valid.
  std::vector<std::string> defects;
  bool valid() const { return defects.empty(); }
  // Whether an objective was missed, for sure.
  bool objective_broken() const;
};

// `results` must hold at least one block, and objectives that ParseObjective takes.
Analysis Analyze(const ResultSet& results);

}  // namespace smartbatch::loadgen
