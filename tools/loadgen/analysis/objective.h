// What is asked of a server: `A:p95<500ms`, and whether it was met.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace smartbatch::loadgen {

struct Slice;

struct Objective {
  enum class Figure { kMean, kP50, kP90, kP95, kP99, kP999, kMaximum, kFailed };

  // As it was written.
  std::string text;
  // A customer or a group of customers; empty for all together.
  std::string customer;
  Figure figure = Figure::kMean;
  // The figure must stay below this: milliseconds, or per cent of the requests for kFailed.
  double limit = 0;
};

// Parses `[CUSTOMER:]FIGURE<VALUE UNIT`, written without blanks: mean, p50, p90, p95, p99, p99.9 or max with us, ms or
// s, or failed with %. INVALID_ARGUMENT names the character at which it goes wrong and what belongs there.
absl::StatusOr<Objective> ParseObjective(const std::string& text);

// One objective under one strategy.
struct ObjectiveOutcome {
  Objective objective;
  std::string strategy;
  // In the limit's unit; nothing if there are too few samples, or no such customer.
  std::optional<double> measured;
  bool broken() const { return measured && *measured >= objective.limit; }
};

// Returns the objective's figure in the slice, in the limit's unit; nothing if there are too few samples.
std::optional<double> FigureOf(const Objective& objective, const Slice& slice);

}  // namespace smartbatch::loadgen
