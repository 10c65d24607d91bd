// What the exit code of the load generator says.
#pragma once

#include "absl/status/status.h"
#include "common/program/flags.h"

namespace smartbatch::loadgen {

// Beside program::kExitOk (0), kExitError (1) and kExitUsage (2).
inline constexpr int kExitInvalid = 3;  // measured, but the figures must not be trusted
inline constexpr int kExitWorse = 4;    // worse than the baseline, or further from the simulation than allowed
inline constexpr int kExitObjectiveBroken = 99;
inline constexpr int kExitInterrupted = 130;  // by a signal; the results so far were written

// Prints the error on one line of standard error and returns its code: 2 if what was asked for is wrong, else 1.
int ReportError(const absl::Status& error);

}  // namespace smartbatch::loadgen
