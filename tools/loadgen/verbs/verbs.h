// The verbs of the command line. Each function adds its subcommand and returns the function that runs it, which takes
// the command line as it was given and returns the exit code.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace smartbatch::loadgen {

using RunVerb = std::function<int(const std::vector<std::string>& command)>;
struct Verb {
  CLI::App* app = nullptr;
  RunVerb run;
};

// One workload against the strategy that is active.
Verb AddRun(CLI::App& program);
// The requests of a trace against the active strategy.
Verb AddReplay(CLI::App& program);
// Who sent what when, as a trace.
Verb AddRecord(CLI::App& program);
// The same workloads under one strategy after the other.
Verb AddCompare(CLI::App& program);
// A workload or a trace in virtual time.
Verb AddSimulate(CLI::App& program);
// All reports of a result again.
Verb AddReport(CLI::App& program);
// What changed between two results.
Verb AddDiff(CLI::App& program);
// The largest rate that keeps an objective.
Verb AddSweep(CLI::App& program);
// Lists, shows and checks workloads.
Verb AddWorkload(CLI::App& program);
// Published traces, converted.
Verb AddTrace(CLI::App& program);
// A decision log of the proxy, checked.
Verb AddVerify(CLI::App& program);
// A decision log of the proxy, drawn.
Verb AddTimeline(CLI::App& program);
// Shows and sets the strategy.
Verb AddStrategy(CLI::App& program);
// Whether the server is healthy.
Verb AddProbe(CLI::App& program);
// Classifies the pieces of files.
Verb AddClassify(CLI::App& program);
// The completion for bash and the manual page, from what the program says of itself.
Verb AddCompletion(CLI::App& program);
Verb AddManual(CLI::App& program);

}  // namespace smartbatch::loadgen
