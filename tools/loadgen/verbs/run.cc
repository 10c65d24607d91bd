#include <memory>

#include "tools/loadgen/admin/admin_client.h"
#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/measurement.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

struct RunFlags {
  WorkloadFlags workload;
  ConnectionFlags connection;
  LoadFlags load;
  OutputFlags output;
  ExpectationFlags expectations;
  std::uint32_t repeats = 1;
};

int Run(const CLI::App& verb, RunFlags flags, const std::vector<std::string>& command) {
  const Interruption interruption;
  const absl::StatusOr<ChosenWorkload> chosen =
      ChooseWorkload(flags.workload, {flags.workload.rho, flags.load.max_batch_size, {}});
  if (!chosen.ok()) return ReportError(chosen.status());
  FitToTrace(verb, *chosen, flags.load);
  const absl::StatusOr<Server> admin = AdminServerOf(flags.connection);
  if (!admin.ok()) return ReportError(admin.status());
  auto expectations = Expectations::Prepare(flags.expectations, {chosen->workload});
  if (!expectations.ok()) return ReportError(expectations.status());
  auto measurement = Measurement::Prepare("run", command, flags.connection, flags.load, flags.output, flags.workload,
                                          *std::move(expectations));
  if (!measurement.ok()) return ReportError(measurement.status());
  // Any server may be measured; one without an admin service has no strategy to name.
  const auto active = AdminClient(*admin, flags.load.model).GetStrategy();
  const LabelledStrategy strategy = active.ok() ? ToChoice(active->current()) : LabelledStrategy{"unknown", {}};
  for (std::uint32_t repeat = 1; repeat <= flags.repeats && !interruption.requested(); ++repeat) {
    const BlockTask task{&chosen->workload,
                         strategy,
                         "",
                         repeat,
                         flags.workload.seed + repeat - 1,
                         flags.workload.seeds().Next(repeat - 1)};
    measurement->Play(task, repeat, flags.repeats, interruption);
  }
  return measurement->Finish(interruption);
}

Verb MakeVerb(CLI::App& verb, const std::shared_ptr<RunFlags>& flags) {
  AddConnectionFlags(verb, flags->connection);
  AddLoadFlags(verb, flags->load);
  AddOutputFlags(verb, flags->output);
  program::AddFlag(verb, "repeats", flags->repeats,
                   "Blocks, each with a seed of its own; from 2 on there are intervals")
      ->check(CLI::Range(1, 1000));
  AddExpectationFlags(verb, flags->expectations);
  return {&verb, [flags, &verb](const std::vector<std::string>& command) {
            return Run(verb, *flags, CompleteCommand(verb, command));
          }};
}

}  // namespace

Verb AddRun(CLI::App& program) {
  auto flags = std::make_shared<RunFlags>();
  flags->workload.workloads = {"eight-and-eight"};
  CLI::App& verb = *program.add_subcommand("run", "Play one workload against the active strategy");
  AddWorkloadFlags(verb, flags->workload, /*several=*/false);
  verb.footer(
      "Examples:\n"
      "  loadgen run --workload two-customers --seconds 10\n"
      "  loadgen run --workload seedopen --rho 0.5 --seconds 60 --connections 4\n"
      "  loadgen run --workload seedopen --slo 'small:p95<200ms' --slo 'failed<1%'\n"
      "  loadgen run --repeats 5 --seconds 10 --baseline before_summary.json\n"
      "  loadgen run --customer 'chat:rate=20,len=lognormal(80,1.0),sequences=1..5' --customer "
      "'bulk:think=1s,len=800'\n");
  return MakeVerb(verb, flags);
}

Verb AddReplay(CLI::App& program) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App& verb = *program.add_subcommand("replay", "Send the requests of a trace at their moments, and measure");
  verb.add_option("trace", flags->workload.trace_in,
                  "Lines of {\"timestamp_ms\", \"customer\", \"lengths\"}, or a proxy's --decision-log")
      ->required()
      ->type_name("FILE");
  verb.add_option("--speed", flags->workload.speed, "How many times as fast")
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  AddRequestRowsFlag(verb, flags->workload);
  AddSeedFlags(verb, flags->workload);
  verb.footer(
      "The whole trace is played if --seconds is not given. The texts are cut to the trace's lengths.\n"
      "Examples:\n"
      "  loadgen replay requests.jsonl\n"
      "  loadgen replay requests.jsonl --speed 2 --seconds 60 --deadline-ms 5000\n");
  return MakeVerb(verb, flags);
}

}  // namespace smartbatch::loadgen
