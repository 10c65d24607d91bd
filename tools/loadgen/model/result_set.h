// The raw results of a run or a comparison, and how they were measured. Every report is computed from this alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/cost_model.h"
#include "common/time.h"
#include "tools/loadgen/model/request_record.h"

namespace smartbatch::loadgen {

// A strategy with its parameters, and what a report calls it: `fcfs`, or `fcfs:linger_ms=0` or `fcfs#2` if a comparison
// has it more than once.
struct LabelledStrategy {
  std::string name;
  std::map<std::string, std::string> parameters;
};

// One workload under one strategy, once.
struct Block {
  std::string workload;
  LabelledStrategy strategy;
  // What the server calls that strategy in its answers; empty if it is not known.
  std::string dispatched_by;
  // From 1. Blocks of one workload and repeat have the same seed, whatever their strategy.
  std::uint32_t repeat = 1;
  std::uint64_t seed = 1;

  // When the block began, since the first one did.
  Duration start{};
  // Requests that were due before it are not in the figures.
  Duration warm_up{};
  // The length of the measured time: less than asked for if the block was interrupted.
  Duration measured{};
  bool interrupted = false;

  // Indexed by the records' customer number.
  std::vector<std::string> customers;
  std::vector<RequestRecord> records;
  // For each code except OK, the first message that came with it.
  std::map<int, std::string> messages;
  // Why the block proves nothing, one sentence each; empty if it is sound.
  std::vector<std::string> defects;
  // Seconds of backend time that the server charged to each customer in the block, divided by its weight, warm-up
  // included, in the order of the customers; empty if the server does not report them.
  std::vector<double> charged_over_weight;
  // Processor time of the load generator during the block.
  double generator_cpu_seconds = 0;

  bool Measures(const RequestRecord& record) const {
    return record.scheduled >= warm_up && record.scheduled < warm_up + measured;
  }
};

// Where and how it was measured.
struct Provenance {
  // `run` or `compare`.
  std::string verb;
  std::string target;
  // Local time, YYYYMMDD_HHMMSS: the stem of the result files.
  std::string stamp;
  // The same moment as people write it, with the time zone.
  std::string started_at;
  // The command that repeats it, seed included.
  std::string command;
  std::string text_origin;
  std::uint64_t seed = 1;
  // The largest 99th percentile of the dispatch delay at which the generator counts as punctual.
  double max_dispatch_delay_ms = 10;
  // What the machine is, as labels and values, in the order to show.
  std::vector<std::pair<std::string, std::string>> environment;
  // By name: what each workload is, in a sentence.
  std::map<std::string, std::string> workloads;
  // What was asked of the server, each as ParseObjective takes it.
  std::vector<std::string> objectives;
  // What a batch costs, as the server had learned it at the end; nothing if the server does not report it.
  std::optional<CostModel> cost;
};

struct ResultSet {
  Provenance provenance;
  std::vector<Block> blocks;
  bool interrupted = false;
};

// The customer's group: its name without a number at the end, so that `A01` and `A02` belong to `A` and `mouse-007` to
// `mouse`. A name that is only a number stays whole.
std::string GroupOf(const std::string& customer);

}  // namespace smartbatch::loadgen
