// Faults that the classifier commits on demand, so that what stands in front of it can be tested. Pure: which batch
// meets which fault depends on the options and on the batch's number alone.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace smartbatch::classifier {

enum class Fault {
  kNone,   // the batch runs as the cost model says
  kError,  // it takes its time and then fails with INTERNAL
  kSlow,   // it takes slow_factor times its time
  kHang,   // it holds its slot until the caller gives up or the classifier stops
  kCrash,  // the classifier ends at once, without a word to anybody
};

struct FaultOptions {
  double error_rate = 0;  // shares of the batches, from 0 to 1, together at most 1
  double slow_rate = 0;
  double hang_rate = 0;
  double slow_factor = 10;  // at least 1
  std::uint64_t seed = 1;
  std::string poison =
      {};  // where not empty: a batch with a sequence that contains it meets kError, whatever the rates

  std::string crash = {};  // the same with kCrash

  // INVALID_ARGUMENT, naming the flag, its value and the range.
  absl::Status Validate() const;
};

// Thread safe: it never changes.
class FaultPlan {
 public:
  // The options must be valid.
  explicit FaultPlan(FaultOptions options) : options_(std::move(options)) {}

  // The fault of the batch with the given number, counted from 0 in the order of arrival.
  Fault Decide(std::uint64_t batch_number, const std::vector<std::string>& sequences) const;

  double slow_factor() const { return options_.slow_factor; }

 private:
  FaultOptions options_;
};

}  // namespace smartbatch::classifier
