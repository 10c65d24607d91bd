// loadgen: drives customers against the proxy, compares its strategies, and asks it simple things.
#include <cstdlib>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/program/flags.h"
#include "tools/loadgen/verbs/verbs.h"

int main(int argc, char** argv) {
  using namespace smartbatch;

  // Errors are reported in our own words; gRPC's log is for those who ask for it.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  CLI::App program("Drives load against the smart batching proxy and compares its strategies", "loadgen");
  program.set_version_flag("--version", std::string(SMARTBATCH_VERSION));
  program.require_subcommand(1);
  program.footer(
      "Exit codes: 0 fine; 1 the run failed; 2 wrong usage; 3 measured, but the figures must not be trusted;\n"
      "4 worse than the baseline, or further from the simulation than a sweep was allowed; 99 an objective (--slo) is\n"
      "broken; 130 interrupted, the results so far were written.\n"
      "Every verb has --help with examples. Flags with (Env:...) can be set in the environment.\n");
  const std::vector<loadgen::Verb> verbs = {
      loadgen::AddRun(program),        loadgen::AddCompare(program),  loadgen::AddSweep(program),
      loadgen::AddRecord(program),     loadgen::AddReplay(program),   loadgen::AddSimulate(program),
      loadgen::AddReport(program),     loadgen::AddDiff(program),     loadgen::AddWorkload(program),
      loadgen::AddStrategy(program),   loadgen::AddProbe(program),    loadgen::AddClassify(program),
      loadgen::AddCompletion(program), loadgen::AddManual(program),   loadgen::AddVerify(program),
      loadgen::AddTrace(program),      loadgen::AddTimeline(program),
  };
  int exit_code = 0;
  if (program::ParseOrExit(program, argc, argv, exit_code)) return exit_code;
  for (const loadgen::Verb& verb : verbs) {
    if (verb.app->parsed()) return verb.run(std::vector<std::string>(argv, argv + argc));
  }
  return program::kExitUsage;
}
