// What a result is judged by: objectives (--slo) and an earlier result (--baseline).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"
#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/output/summary_reader.h"

namespace smartbatch::loadgen {

struct ExpectationFlags {
  std::vector<std::string> objectives;
  std::string baseline;
  double tolerance_percent = 5;
};
void AddExpectationFlags(CLI::App& verb, ExpectationFlags& flags);
void AddToleranceFlag(CLI::App& verb, double& tolerance_percent);

class Expectations {
 public:
  // Checks before anything is measured: that the objectives can be read and name customers of the workloads, and that
  // the baseline is a summary. INVALID_ARGUMENT names what is wrong.
  static absl::StatusOr<Expectations> Prepare(const ExpectationFlags& flags,
                                              const std::vector<workload::Workload>& workloads);

  const std::vector<std::string>& objectives() const { return flags_.objectives; }

  // Prints the comparison with the baseline, if there is one, and returns the exit code of a result that was
  // measured: 3 if it is invalid, else 99 if an objective is broken, else 4 if something became worse, else 0.
  // A baseline that has no figure in common with the result is an error.
  absl::StatusOr<int> Judge(const ResultSet& results, const Analysis& analysis) const;

 private:
  ExpectationFlags flags_;
  std::optional<Summary> baseline_;
};

// Prints what changed from `before` to `after`, figure by figure, and a sentence. Returns true if something became
// worse; INVALID_ARGUMENT if they have no figure in common.
absl::StatusOr<bool> PrintChanges(const Summary& before, const Summary& after, double tolerance_percent);

}  // namespace smartbatch::loadgen
