#include <memory>

#include "tools/loadgen/admin/admin_client.h"
#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/measurement.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

struct RunFlags {
  std::string workload = "eight-and-eight";
  ConnectionFlags connection;
  LoadFlags load;
  OutputFlags output;
};

int Run(const RunFlags& flags, const std::vector<std::string>& command) {
  const Interruption interruption;
  const absl::StatusOr<workload::Workload> workload = MakeWorkload(flags.workload, flags.load);
  if (!workload.ok()) return ReportError(workload.status());
  auto measurement = Measurement::Prepare("run", command, flags.connection, flags.load, flags.output);
  if (!measurement.ok()) return ReportError(measurement.status());
  // Any server may be measured; one without an admin service has no strategy to name.
  const auto active = AdminClient(flags.connection.admin_target).GetStrategy();
  const StrategyChoice strategy = active.ok() ? ToChoice(active->current()) : StrategyChoice{"unknown", {}};
  measurement->Play({&*workload, strategy, 1, flags.load.seed}, 1, 1, interruption);
  return measurement->Finish(interruption);
}

}  // namespace

Verb AddRun(CLI::App& program) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App& verb = *program.add_subcommand("run", "Play one workload against the active strategy");
  verb.add_option("--workload", flags->workload, "One of: " + WorkloadNames())->capture_default_str();
  AddTargetFlag(verb, flags->connection);
  AddAdminTargetFlag(verb, flags->connection);
  AddLoadFlags(verb, flags->load);
  AddOutputFlags(verb, flags->output);
  verb.footer(
      "Examples:\n"
      "  loadgen run --workload two-customers --seconds 10\n"
      "  loadgen run --workload seedopen --rho 0.5 --seconds 60 --connections 4\n");
  return {&verb, [flags, &verb](const std::vector<std::string>& command) {
            return Run(*flags, CompleteCommand(verb, command));
          }};
}

}  // namespace smartbatch::loadgen
