#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "common/workload/workload_file.h"
#include "tools/loadgen/output/text_table.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/verbs.h"
#include "tools/loadgen/verbs/workload_flags.h"

namespace smartbatch::loadgen {
namespace {

struct WorkloadVerbFlags {
  WorkloadFlags workload;
  std::uint32_t max_batch_size = 5;
  std::vector<std::string> files;
  CLI::App* show = nullptr;
  CLI::App* validate = nullptr;
};

// Requests a second, or `closed loop` if they follow the answers.
std::string RateOf(const workload::Workload& workload) {
  const double rate = workload::MeanRequestsPerSecond(workload);
  return rate > 0 ? fmt::format("{:.4g}/s", rate) : "closed loop";
}

int List(const WorkloadVerbFlags& flags) {
  TextTable table({"workload", "what", "rate", "customers"});
  for (const workload::BuiltinDescription& builtin : workload::Builtins()) {
    const workload::Workload made = workload::MakeBuiltin(builtin.name, {flags.workload.rho, flags.max_batch_size, {}});
    table.AddRow({builtin.name, builtin.description, RateOf(made), fmt::format("{}", made.customers.size())});
  }
  fmt::print("{}\nRates at --rho {} for batches of {}.\n", table.ToString(2), flags.workload.rho, flags.max_batch_size);
  return program::kExitOk;
}

int Show(const WorkloadVerbFlags& flags) {
  if (flags.workload.workloads.empty() && flags.workload.customers.empty()) {
    return ReportError(absl::InvalidArgumentError("name a workload or a file, or give customers with --customer"));
  }
  const auto chosen = ChooseWorkload(flags.workload, {flags.workload.rho, flags.max_batch_size, {}});
  if (!chosen.ok()) return ReportError(chosen.status());
  fmt::print("{}", workload::WorkloadJson(chosen->workload));
  return program::kExitOk;
}

absl::Status ValidateTrace(const std::string& path, std::uint32_t max_batch_size) {
  const auto trace = ReadTraceOrSayWhy(path, max_batch_size);
  if (!trace.ok()) return trace.status();
  fmt::print("{}: {} requests of {} customers in {:.3f} s\n", path, trace->records.size(), trace->customers.size(),
             ToSeconds(trace->records.back().time.time_since_epoch()));
  return absl::OkStatus();
}

absl::Status ValidateWorkload(const std::string& path, std::uint32_t max_batch_size) {
  WorkloadFlags flags;
  flags.workloads = {path};
  const auto chosen = ChooseWorkload(flags, {flags.rho, max_batch_size, {}});
  if (!chosen.ok()) return chosen.status();
  fmt::print("{}: workload '{}', {} customers, {}\n", path, chosen->workload.name, chosen->workload.customers.size(),
             RateOf(chosen->workload));
  return absl::OkStatus();
}

int Validate(const WorkloadVerbFlags& flags) {
  int code = program::kExitOk;
  for (const std::string& path : flags.files) {
    const absl::Status status = path.ends_with(".jsonl") ? ValidateTrace(path, flags.max_batch_size)
                                                         : ValidateWorkload(path, flags.max_batch_size);
    if (!status.ok()) code = std::max(code, ReportError(status));
  }
  return code;
}

int Run(const WorkloadVerbFlags& flags) {
  if (flags.show->parsed()) return Show(flags);
  return flags.validate->parsed() ? Validate(flags) : List(flags);
}

constexpr char kForms[] =
    R"-(A workload file is JSON: {"name", "description", "schedule", "customers": [{...}]}. The fields of a customer are
the same in a file and in --customer NAME:field=value,field=value:
  count      how many such customers there are, numbered from 01
  rate       requests a second of each customer: an open loop, which does not wait for answers
  arrival    constant, poisson (the default), gamma(SHAPE): below 1 burstier than poisson, or
             on_off(RATE_ON,RATE_OFF,MEAN_ON,MEAN_OFF), which has no rate beside it
  think      330ms or exponential(330ms): a closed loop, which sends again this long after its answer
  presence   cycle(12m,3m,6m): the customer is there from minute 3 to 6 of every 12
  schedule   step(1@0s,2.5@30s) or line(0@0s,3@1m): what the rate is multiplied by over time
  length     characters of a sequence: 80, uniform(LOW,HIGH), lognormal(MEDIAN,SIGMA[,LOW,HIGH]),
             either(SHARE,LARGE,SMALL), cut(LOW,HIGH,TEXT_LENGTH,...) or quantiles(LENGTH@PERCENT,...), between which
             lengths are spread over their logarithms; `len` on the command line
  sequences  of a request: 3 or 1..5
  weight     the customer's share if a simulated strategy has weights; a proxy has its own configuration
  tier       its priority if a simulated strategy has tiers, 0 being the highest
Times have a unit: ms, s, m or h.

Examples:
  loadgen workload list
  loadgen workload show seedopen --rho 0.5 >office.json
  loadgen workload show --customer 'chat:rate=20,len=lognormal(80,1.0),sequences=1..5' >chat.json
  loadgen workload validate office.json requests.jsonl
)-";

}  // namespace

Verb AddWorkload(CLI::App& program) {
  auto flags = std::make_shared<WorkloadVerbFlags>();
  CLI::App& verb = *program.add_subcommand("workload", "List, show or check workloads, and list what they may contain");
  verb.require_subcommand(1);
  const auto add_batch_size = [&](CLI::App& to) {
    program::AddFlag(to, "max-batch-size", flags->max_batch_size, "The server's batch size")
        ->check(CLI::Range(1, 1024));
  };
  const auto add_rho = [&](CLI::App& to) {
    program::AddFlag(to, "rho", flags->workload.rho, "Offered load of built-in open-loop workloads")
        ->check(CLI::Range(0.001, 1000.0));
  };
  CLI::App* const list = verb.add_subcommand("list", "Print the built-in workloads");
  add_rho(*list);
  add_batch_size(*list);

  flags->show = verb.add_subcommand("show", "Print a workload as a file that can be changed and played");
  auto* const name =
      flags->show->add_option("workload", flags->workload.workloads, "A file or one of: " + WorkloadNames())
          ->expected(0, 1)
          ->type_name("NAME|FILE");
  flags->show
      ->add_option("--customer", flags->workload.customers, "A customer instead of a workload; may be given again")
      ->allow_extra_args(false)
      ->excludes(name);
  flags->show->add_option("--rate", flags->workload.rate, "Requests a second of all open-loop customers together")
      ->check(CLI::Range(1e-6, 1e7));
  flags->show->add_option("--schedule", flags->workload.schedule, "Multiply the rates over time");
  add_rho(*flags->show);
  add_batch_size(*flags->show);

  flags->validate = verb.add_subcommand("validate", "Check workload files, and traces if the name ends in .jsonl");
  flags->validate->add_option("files", flags->files, "The files")->required()->type_name("FILE");
  add_batch_size(*flags->validate);
  verb.footer(kForms);
  return {&verb, [flags](const std::vector<std::string>&) { return Run(*flags); }};
}

}  // namespace smartbatch::loadgen
