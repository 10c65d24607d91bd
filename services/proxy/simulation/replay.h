// Plays a decision log back through the scheduler and compares its choices with those in the log.
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
  // The first batch that differs, in words. Later ones cannot be compared, since the scheduler's state differs from
  // then on. Empty if all are the same.
  std::string difference;
  // Why the comparison ended before the log did: lines are missing. Empty if it did not.
  std::string ended_early;
};

// A scheduler is a function of its events and their times, to the nanosecond. If it is given the events of the log it
// therefore chooses the same batches, or it is not the scheduler that wrote the log. With `instead` another strategy
// chooses from the start.
//
// INVALID_ARGUMENT names the line that is wrong.
absl::StatusOr<ReplayResult> Replay(std::istream& log, const std::optional<scheduling::StrategyChoice>& instead);

}  // namespace smartbatch::simulation
