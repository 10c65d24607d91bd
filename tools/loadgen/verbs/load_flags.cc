#include "tools/loadgen/verbs/load_flags.h"

#include <fmt/format.h>

#include "absl/status/status.h"
#include "common/program/flags.h"

namespace smartbatch::loadgen {

using program::AddFlag;

void AddTargetFlag(CLI::App& verb, ConnectionFlags& flags) {
  program::AddHostPortFlag(verb, "target", flags.target, "The proxy's data address");
}

void AddAdminTargetFlag(CLI::App& verb, ConnectionFlags& flags) {
  program::AddHostPortFlag(verb, "admin-target", flags.admin_target, "The proxy's admin address");
}

void AddLoadFlags(CLI::App& verb, LoadFlags& flags) {
  AddFlag(verb, "seconds", flags.seconds, "Measured time of a block")->check(CLI::Range(0.1, 86400.0));
  AddFlag(verb, "warm-up-seconds", flags.warm_up_seconds, "Time before it that is not measured")
      ->check(CLI::Range(0.0, 3600.0));
  AddFlag(verb, "seed", flags.seed, "Seed of arrivals, sizes and texts");
  AddFlag(verb, "rho", flags.rho, "Offered load of open-loop workloads; 1 is what full batches could carry")
      ->check(CLI::Range(0.001, 1000.0));
  AddFlag(verb, "max-batch-size", flags.max_batch_size, "The server's batch size that rho refers to")
      ->check(CLI::Range(1, 1024));
  AddFlag(verb, "text-from", flags.text_from,
          "Folder of text files to cut sequences from (default: the repository around the current folder, else a "
          "built-in text)")
      ->type_name("DIR");
  AddFlag(verb, "connections", flags.connections, "Connections to the server")->check(CLI::Range(1, 1024));
  AddFlag(verb, "threads", flags.threads, "Threads that take answers")->check(CLI::Range(1, 64));
  AddFlag(verb, "deadline-ms", flags.deadline_ms, "Deadline of every call")->check(CLI::Range(1, 3'600'000));
  AddFlag(verb, "max-in-flight", flags.max_in_flight, "What is due beyond so many open calls is counted, not sent")
      ->check(CLI::Range(1, 1'000'000));
  AddFlag(verb, "max-dispatch-delay-ms", flags.max_dispatch_delay_ms,
          "The run is invalid where 1 % of the requests leave later than this after they were due")
      ->check(CLI::Range(0.001, 60'000.0));
}

ClientOptions ClientOptionsOf(const ConnectionFlags& connection, const LoadFlags& load) {
  return {connection.target, load.connections, load.threads, std::chrono::milliseconds(load.deadline_ms)};
}

void AddOutputFlags(CLI::App& verb, OutputFlags& flags) {
  AddFlag(verb, "results", flags.results, "Folder of the result files")->type_name("DIR");
  AddFlag(verb, "progress", flags.progress, "auto, live, plain or none")
      ->check(CLI::IsMember({"auto", "live", "plain", "none"}));
}

std::string WorkloadNames() {
  std::vector<std::string> names;
  for (const workload::BuiltinDescription& builtin : workload::Builtins()) names.push_back(builtin.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

absl::StatusOr<workload::Workload> MakeWorkload(const std::string& name, const LoadFlags& load) {
  workload::BuiltinOptions options;
  options.rho = load.rho;
  options.max_batch_size = load.max_batch_size;
  workload::Workload made = workload::MakeBuiltin(name, options);
  if (!made.customers.empty()) return made;
  return absl::InvalidArgumentError(fmt::format("unknown workload '{}': there are {}", name, WorkloadNames()));
}

}  // namespace smartbatch::loadgen
