// All the figures of a result set, ready to be written: a report only formats them.
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
  // Latency of answered requests, from the moment they were due.
  LatencySummary latency;
  // Requests that were due in the measured time, and how they ended.
  std::uint64_t due = 0;
  std::uint64_t answered = 0;
  double due_per_second = 0;
  double answered_per_second = 0;
  // The mean of a request's latency divided by the time that it takes alone; nothing if the cost of a batch is not
  // known.
  std::optional<double> slowdown;
  std::uint64_t failed() const { return due - answered; }
};

// Slices of the same requests, from coarse to fine. Groups and customers are sorted by name.
struct Breakdown {
  Slice all;
  std::vector<Slice> groups;
  std::vector<Slice> customers;
  // For all repeats together the share index is the mean of the repeats' indexes, if each of them has one.
  FairnessFigures fairness;
};

// One repeat of a strategy.
struct RepeatSummary {
  std::uint32_t repeat = 1;
  std::uint64_t seed = 1;
  Breakdown requests;
};

struct StrategySummary {
  LabelledStrategy strategy;
  double measured_seconds = 0;
  // All repeats together.
  Breakdown requests;
  // Each repeat, except one that was interrupted.
  std::vector<RepeatSummary> repeats;
  // The mean number of sequences in a batch, and batches a second, as the answers report them; 0 if they do not.
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
  // From due to sent, in milliseconds; p99 is the nearest rank, however few the requests are.
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
  // A percentile is left out if a block has too few samples for it.
  std::vector<Difference> differences;
  // One sentence that says which strategy is better, and whether that may be chance.
  std::string verdict;
  // Each objective under each strategy.
  std::vector<ObjectiveOutcome> objectives;
};

struct Analysis {
  std::vector<WorkloadAnalysis> workloads;
  GeneratorHealth generator;
  // Why the result must not be trusted; empty if it is valid.
  std::vector<std::string> defects;
  bool valid() const { return defects.empty(); }
  // Returns true if an objective was certainly missed.
  bool objective_broken() const;
};

// Requires: `results` holds at least one block, and objectives that ParseObjective accepts.
Analysis Analyze(const ResultSet& results);

}  // namespace smartbatch::loadgen
