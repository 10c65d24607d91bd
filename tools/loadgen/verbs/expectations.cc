#include "tools/loadgen/verbs/expectations.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "common/program/flags.h"
#include "tools/loadgen/output/json_report.h"
#include "tools/loadgen/output/text_table.h"
#include "tools/loadgen/verbs/exit_codes.h"

namespace smartbatch::loadgen {
namespace {

absl::Status CheckCustomer(const std::string& text, const std::vector<workload::Workload>& workloads) {
  absl::StatusOr<Objective> objective = ParseObjective(text);
  if (!objective.ok()) {
    return absl::InvalidArgumentError("--slo " + std::string(objective.status().message()));
  }
  std::set<std::string> known;
  for (const workload::Workload& workload : workloads) {
    for (const workload::CustomerModel& customer : workload.customers) {
      known.insert(customer.name);
      known.insert(GroupOf(customer.name));
    }
  }
  if (objective->customer.empty() || known.count(objective->customer) > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("--slo '{}' at character 1: no customer or group '{}'; there are {}",
                                                text, objective->customer, fmt::join(known, ", ")));
}

std::string Percent(double percent) { return fmt::format("{:+.1f} %", percent); }

TextTable TableOf(const std::vector<FigureChange>& changes) {
  TextTable table({"workload", "strategy", "figure", "", "before", "after", "change", "95 % interval", "p (Holm)"});
  for (const FigureChange& change : changes) {
    const auto& interval = change.percent_interval;
    table.AddRow({change.before.workload, change.before.strategy, change.before.name + ", " + change.before.unit,
                  Describe(change.judgement), fmt::format("{:.2f}", change.before.value),
                  fmt::format("{:.2f}", change.after.value), Percent(change.percent),
                  interval ? Percent(interval->low) + " to " + Percent(interval->high) : "",
                  interval ? fmt::format("{:.4f}", change.corrected_p_value) : ""});
  }
  return table;
}

std::string WhatBecameWorse(const std::vector<FigureChange>& changes) {
  std::vector<std::string> worse;
  for (const FigureChange& change : changes) {
    if (change.judgement != Judgement::kWorse) continue;
    worse.push_back(fmt::format("{} of {} under {} ({})", change.before.name, change.before.workload,
                                change.before.strategy, Percent(change.percent)));
  }
  return fmt::format("{}", fmt::join(worse, ", "));
}

}  // namespace

void AddToleranceFlag(CLI::App& verb, double& tolerance_percent) {
  program::AddFlag(verb, "tolerance", tolerance_percent,
                   "Per cent that a figure may be worse than in the earlier result, chance left out")
      ->check(CLI::Range(0.0, 1000.0));
}

void AddExpectationFlags(CLI::App& verb, ExpectationFlags& flags) {
  verb.add_option("--slo", flags.objectives,
                  "Objective such as A:p95<500ms, p99<2s or failed<1%; may be given several times; exit code 99 if one "
                  "is broken")
      ->allow_extra_args(false)
      ->type_name("[CUSTOMER:]FIGURE<LIMIT");
  program::AddFlag(verb, "baseline", flags.baseline,
                   "The summary.json of an earlier result; exit code 4 if something became worse")
      ->type_name("FILE");
  AddToleranceFlag(verb, flags.tolerance_percent);
}

absl::StatusOr<Expectations> Expectations::Prepare(const ExpectationFlags& flags,
                                                   const std::vector<workload::Workload>& workloads) {
  Expectations expectations;
  expectations.flags_ = flags;
  for (const std::string& objective : flags.objectives) {
    const absl::Status status = CheckCustomer(objective, workloads);
    if (!status.ok()) return status;
  }
  if (!flags.baseline.empty()) {
    absl::StatusOr<Summary> baseline = ReadSummary(flags.baseline);
    if (!baseline.ok()) return baseline.status();
    expectations.baseline_ = *std::move(baseline);
  }
  return expectations;
}

absl::StatusOr<int> Expectations::Judge(const ResultSet& results, const Analysis& analysis) const {
  bool worse = false;
  if (baseline_) {
    absl::StatusOr<Summary> after = ParseSummary(JsonReport(results, analysis), "this result");
    if (!after.ok()) return after.status();
    const absl::StatusOr<bool> changed = PrintChanges(*baseline_, *after, flags_.tolerance_percent);
    if (!changed.ok()) return changed.status();
    worse = *changed;
  }
  if (!analysis.valid()) return kExitInvalid;
  if (analysis.objective_broken()) return kExitObjectiveBroken;
  return worse ? kExitWorse : program::kExitOk;
}

absl::StatusOr<bool> PrintChanges(const Summary& before, const Summary& after, double tolerance_percent) {
  const std::vector<FigureChange> changes = CompareFigures(before.figures, after.figures, tolerance_percent);
  if (changes.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{} and {} have no figure in common: compare results of the same workloads and strategies",
                    before.origin, after.origin));
  }
  const bool intervals = std::any_of(changes.begin(), changes.end(),
                                     [](const FigureChange& change) { return change.percent_interval.has_value(); });
  fmt::print("\nCHANGES from {} ({}) to {} ({}), tolerance {:.4g} %\n\n{}", before.origin, before.started_at,
             after.origin, after.started_at, tolerance_percent, TableOf(changes).ToString(4));
  if (!before.valid) fmt::print("{} is INVALID by itself: its figures must not be trusted\n", before.origin);
  if (!after.valid) fmt::print("{} is INVALID by itself: its figures must not be trusted\n", after.origin);
  if (!intervals) {
    fmt::print("One block each tells no chance from change: the tolerance alone decides (--repeats 5 tells more)\n");
  }
  const std::string worse = WhatBecameWorse(changes);
  fmt::print("\n{}\n", worse.empty() ? "Nothing became worse." : "Worse: " + worse + ".");
  return !worse.empty();
}

}  // namespace smartbatch::loadgen
