#include "tools/loadgen/verbs/workload_flags.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/program/flags.h"
#include "common/workload/customer_fields.h"
#include "common/workload/workload_file.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::uint32_t kLongestSequence = 10'000'000;

absl::Status Usage(const std::string& message) { return absl::InvalidArgumentError(message); }

// A file that cannot be used is wrong usage, whatever the code of its error.
absl::Status AsUsage(const absl::Status& status) { return Usage(std::string(status.message())); }

absl::StatusOr<ChosenWorkload> FromName(const std::string& name, const workload::BuiltinOptions& options) {
  ChosenWorkload chosen;
  chosen.workload = workload::MakeBuiltin(name, options);
  if (!chosen.workload.customers.empty()) {
    chosen.rho = workload::IsClosedLoop(chosen.workload) ? 0.0 : options.rho;
    return chosen;
  }
  std::error_code error;
  if (!std::filesystem::exists(name, error)) {
    return Usage(
        fmt::format("unknown workload '{}': it is not a file, and the built-in ones are {}", name, WorkloadNames()));
  }
  auto read = workload::ReadWorkloadFile(name);
  if (!read.ok()) return AsUsage(read.status());
  chosen.workload = *std::move(read);
  return chosen;
}

absl::StatusOr<ChosenWorkload> FromCustomers(const std::vector<std::string>& texts) {
  ChosenWorkload chosen;
  chosen.workload = {"custom", fmt::format("{}", fmt::join(texts, " ")), {}};
  std::set<std::string> names;
  for (const std::string& text : texts) {
    const auto customers = workload::ParseCustomer(text);
    if (!customers.ok()) return customers.status();
    for (const workload::CustomerModel& customer : *customers) {
      if (!names.insert(customer.name).second) {
        return Usage(fmt::format("--customer '{}': there are two customers '{}'; rename one", text, customer.name));
      }
      chosen.workload.customers.push_back(customer);
    }
  }
  return chosen;
}

absl::StatusOr<ChosenWorkload> FromTrace(const WorkloadFlags& flags, std::uint32_t max_request_rows) {
  auto trace = ReadTraceOrSayWhy(flags.trace_in, max_request_rows);
  if (!trace.ok()) return trace.status();
  ChosenWorkload chosen;
  chosen.trace = simulation::Faster(*std::move(trace), flags.speed);
  chosen.workload = simulation::WorkloadOf(*chosen.trace, "trace", "the requests of " + flags.trace_in);
  return chosen;
}

// Applies --schedule and --rate.
absl::Status Adjust(const WorkloadFlags& flags, ChosenWorkload& chosen) {
  if (flags.rate > 0) {
    if (chosen.trace) return Usage("--rate does not go with a trace; --speed plays it faster or slower");
    const double rate = workload::MeanRequestsPerSecond(chosen.workload);
    if (rate <= 0) {
      return Usage(
          fmt::format("--rate {} does not go with workload '{}': closed loops have no rate; change their "
                      "number or their think time",
                      flags.rate, chosen.workload.name));
    }
    chosen.workload = workload::Scaled(std::move(chosen.workload), flags.rate / rate);
    chosen.rho = 0;
  }
  if (flags.schedule.empty()) return absl::OkStatus();
  const auto schedule = workload::ParseSchedule(flags.schedule);
  if (!schedule.ok()) return Usage("--schedule: " + std::string(schedule.status().message()));
  if (chosen.trace || workload::IsClosedLoop(chosen.workload)) {
    return Usage(fmt::format("--schedule does not go with workload '{}', which has no rate to multiply; leave it out",
                             chosen.workload.name));
  }
  workload::ApplySchedule(chosen.workload, *schedule);
  return absl::OkStatus();
}

absl::Status CheckSizes(const workload::Workload& workload, std::uint32_t max_request_rows) {
  for (const workload::CustomerModel& customer : workload.customers) {
    if (!customer.requests.recording && customer.requests.sequences_maximum > max_request_rows) {
      return Usage(
          fmt::format("customer '{}' of workload '{}' sends up to {} sequences in a request, and it may have {}: "
                      "send fewer, or raise --max-request-rows here and at the server",
                      customer.name, workload.name, customer.requests.sequences_maximum, max_request_rows));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddSeedFlags(CLI::App& verb, WorkloadFlags& flags) {
  program::AddFlag(verb, "seed", flags.seed, "Seed of arrivals, sizes with their texts, and think times");
  verb.add_option("--seed-arrivals", flags.seed_arrivals, "Seed of the arrivals alone");
  verb.add_option("--seed-sizes", flags.seed_sizes, "Seed of the sizes and texts alone");
  verb.add_option("--seed-think-times", flags.seed_think_times, "Seed of the think times alone");
}

void AddRequestRowsFlag(CLI::App& verb, WorkloadFlags& flags) {
  program::AddFlag(verb, "max-request-rows", flags.max_request_rows,
                   "Sequences that a request may have at the server; 0: as many as a batch")
      ->check(CLI::Range(0U, scheduling::kMostSequences));
}

void AddWorkloadFlags(CLI::App& verb, WorkloadFlags& flags, bool several) {
  const std::string help = "A workload file, or one of: " + WorkloadNames();
  auto* const workloads = verb.add_option("--workload,--workloads", flags.workloads, help)->type_name("NAME|FILE");
  workloads->capture_default_str();
  if (several) {
    workloads->delimiter(',');
  } else {
    workloads->expected(1);
  }
  auto* const customers =
      verb.add_option("--customer", flags.customers,
                      "NAME:rate=20,arrival=poisson,len=lognormal(80,1),sequences=1..5: a customer instead of a "
                      "workload; may be given again. `loadgen workload --help` has all forms")
          ->allow_extra_args(false)
          ->excludes(workloads);
  auto* const trace = verb.add_option("--trace-in", flags.trace_in,
                                      "Play these requests instead of a workload: lines of {\"timestamp_ms\", "
                                      "\"customer\", \"lengths\"}, or a proxy's --decision-log")
                          ->type_name("FILE")
                          ->excludes(workloads)
                          ->excludes(customers);
  verb.add_option("--speed", flags.speed, "How many times as fast the trace is played")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str()
      ->needs(trace);
  verb.add_option("--schedule", flags.schedule,
                  "Multiply the rates over time: step(FACTOR@TIME,...) or line(FACTOR@TIME,...)");
  verb.add_option("--rate", flags.rate,
                  "Requests a second of all open-loop customers together, instead of the workload's")
      ->check(CLI::Range(1e-6, 1e7));
  program::AddFlag(verb, "rho", flags.rho, "Offered load of built-in open-loop workloads; 1 is what full batches carry")
      ->check(CLI::Range(0.001, 1000.0));
  AddRequestRowsFlag(verb, flags);
  AddSeedFlags(verb, flags);
}

absl::StatusOr<std::vector<ChosenWorkload>> ChooseWorkloads(const WorkloadFlags& flags,
                                                            const workload::BuiltinOptions& options) {
  const std::uint32_t max_request_rows = flags.max_request_rows > 0 ? flags.max_request_rows : options.max_batch_size;
  std::vector<absl::StatusOr<ChosenWorkload>> found;
  if (!flags.trace_in.empty()) {
    found.push_back(FromTrace(flags, max_request_rows));
  } else if (!flags.customers.empty()) {
    found.push_back(FromCustomers(flags.customers));
  } else {
    for (const std::string& name : flags.workloads) found.push_back(FromName(name, options));
  }
  std::vector<ChosenWorkload> chosen;
  for (absl::StatusOr<ChosenWorkload>& workload : found) {
    if (!workload.ok()) return workload.status();
    if (absl::Status status = Adjust(flags, *workload); !status.ok()) return status;
    if (absl::Status status = CheckSizes(workload->workload, max_request_rows); !status.ok()) return status;
    chosen.push_back(*std::move(workload));
  }
  return chosen;
}

absl::StatusOr<ChosenWorkload> ChooseWorkload(const WorkloadFlags& flags, const workload::BuiltinOptions& options) {
  auto chosen = ChooseWorkloads(flags, options);
  if (!chosen.ok()) return chosen.status();
  return std::move(chosen->front());
}

std::string WorkloadNames() {
  std::vector<std::string> names;
  for (const workload::BuiltinDescription& builtin : workload::Builtins()) names.push_back(builtin.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

absl::StatusOr<simulation::Trace> ReadTraceOrSayWhy(const std::string& path, std::uint32_t max_request_rows) {
  auto trace = simulation::ReadTraceFile(path, {max_request_rows, kLongestSequence});
  if (!trace.ok()) return AsUsage(trace.status());
  return trace;
}

}  // namespace smartbatch::loadgen
