// The flags that choose the workload and the seeds: the same for every verb that plays a workload.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"
#include "services/proxy/simulation/trace.h"

namespace smartbatch::loadgen {

struct WorkloadFlags {
  // Names of built-in workloads or paths of workload files.
  std::vector<std::string> workloads;
  std::vector<std::string> customers;
  std::string trace_in;
  double speed = 1;
  std::string schedule;
  double rho = 0.7;
  // 0: as the workload says.
  double rate = 0;
  // 0: as many as in a batch.
  std::uint32_t max_request_rows = 0;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> seed_arrivals;
  std::optional<std::uint64_t> seed_sizes;
  std::optional<std::uint64_t> seed_think_times;

  workload::Seeds seeds() const {
    return {seed_arrivals.value_or(seed), seed_sizes.value_or(seed), seed_think_times.value_or(seed)};
  }
};

// `several`: --workload takes a list. The workloads that `flags` holds are the default.
void AddWorkloadFlags(CLI::App& verb, WorkloadFlags& flags, bool several);
// Adds only the flags of the seeds.
void AddSeedFlags(CLI::App& verb, WorkloadFlags& flags);
// Adds only the flag for the largest request.
void AddRequestRowsFlag(CLI::App& verb, WorkloadFlags& flags);

struct ChosenWorkload {
  workload::Workload workload;
  // Set if the workload is a trace.
  std::optional<simulation::Trace> trace;
  // The offered load that a built-in open loop was scaled to; 0 for all others.
  double rho = 0;
};

// The customers of the command line, the trace, or else the named workloads. INVALID_ARGUMENT names what is wrong: an
// unknown name, a line of a file, flags that exclude each other, requests that are larger than the server takes.
absl::StatusOr<std::vector<ChosenWorkload>> ChooseWorkloads(const WorkloadFlags& flags,
                                                            const workload::BuiltinOptions& options);
// The same for a single workload.
absl::StatusOr<ChosenWorkload> ChooseWorkload(const WorkloadFlags& flags, const workload::BuiltinOptions& options);

// The built-in names, as a list for people.
std::string WorkloadNames();

// The requests of the trace; every error begins with the path. INVALID_ARGUMENT if it is wrong or cannot be read.
absl::StatusOr<simulation::Trace> ReadTraceOrSayWhy(const std::string& path, std::uint32_t max_request_rows);

}  // namespace smartbatch::loadgen
