// Plays a decision log back through the scheduler and compares what it chooses with what was chosen.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::simulation {

struct ReplayResult {
  std::uint64_t requests = 0;
  // Batches that are the same: members in their order, backend, strategy, reason and moment.
  std::uint64_t same_batches = 0;
  // The first batch that is not, in words; what comes after it cannot be compared, since the scheduler then knows other
  // things. Empty where all are the same.
  std::string difference;
  // Why the comparison ended before the log did: lines that are missing. Empty where it did not.
  std::string ended_early;
};

// A scheduler is a function of its events and their times. So one that is told what the log says it was told, at the
// nanosecond, chooses the same batches, or it is not the scheduler that wrote the log. With `instead` another strategy
// chooses from the start on.
//
// INVALID_ARGUMENT names the line that is wrong.
absl::StatusOr<ReplayResult> Replay(std::istream& log, const std::optional<scheduling::StrategyChoice>& instead);

}  // namespace smartbatch::simulation
