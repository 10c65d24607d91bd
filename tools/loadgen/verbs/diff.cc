#include <memory>

#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/expectations.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

struct DiffFlags {
  std::string before;
  std::string after;
  double tolerance_percent = 5;
};

int Diff(const DiffFlags& flags) {
  const absl::StatusOr<Summary> before = ReadSummary(flags.before);
  if (!before.ok()) return ReportError(before.status());
  const absl::StatusOr<Summary> after = ReadSummary(flags.after);
  if (!after.ok()) return ReportError(after.status());
  const absl::StatusOr<bool> worse = PrintChanges(*before, *after, flags.tolerance_percent);
  if (!worse.ok()) return ReportError(worse.status());
  if (!before->valid || !after->valid) return kExitInvalid;
  return *worse ? kExitWorse : program::kExitOk;
}

}  // namespace

Verb AddDiff(CLI::App& program) {
  auto flags = std::make_shared<DiffFlags>();
  CLI::App& verb = *program.add_subcommand("diff", "Compare two results: exit code 4 if something became worse");
  verb.add_option("before", flags->before, "The summary.json of the earlier result")->required()->type_name("FILE");
  verb.add_option("after", flags->after, "The summary.json of the later result")->required()->type_name("FILE");
  AddToleranceFlag(verb, flags->tolerance_percent);
  verb.footer(
      "Figures are the mean and the 95th percentile of the latency, the mean of each group, and the answers a second,\n"
      "for each workload and strategy that both have. A figure is worse if its change is beyond the tolerance and not "
      "chance (Student's "
      "t\n"
      "over the repeats, Holm's correction). Exit code 3 if one of the results is itself invalid.\n"
      "Examples:\n"
      "  loadgen diff results/20260401_120000_summary.json results/20260402_120000_summary.json\n"
      "  loadgen diff before_summary.json after_summary.json --tolerance 10\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Diff(*flags); }};
}

}  // namespace smartbatch::loadgen
