// Faults for backends that fail on purpose: the classifier and the simulator's backends. Each fault hits a share of the
// batches. Pure: which batch meets which fault depends on the rates, the seed and the batch's number alone.
#pragma once

#include <cstdint>

#include <absl/status/status.h>

namespace smartbatch {

enum class Fault {
  kNone,   // the batch takes its usual time
  kError,  // it takes its time and then fails
  kSlow,   // it takes slow_factor times its time
  kHang,   // it holds its slot until the caller gives up
};

// How often batches meet each fault. Thread safe: its functions change nothing.
struct FaultRates {
  double error_rate = 0;  // shares of the batches, from 0 to 1, together at most 1
  double slow_rate = 0;
  double hang_rate = 0;
  double slow_factor = 10;  // at least 1
  std::uint64_t seed = 1;

  // INVALID_ARGUMENT, naming the flag, its value and the range.
  absl::Status Validate() const;

  // The fault of the batch with the given number. The rates must be valid.
  Fault Draw(std::uint64_t batch_number) const;
};

}  // namespace smartbatch
