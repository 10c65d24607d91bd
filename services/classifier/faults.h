// Faults of the classifier on demand, to test what is in front of it. Pure: which batch meets which fault depends on
// the options, the batch's number and its texts alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/fault_rates.h"

namespace smartbatch::classifier {

// Which batches fail, and how. Thread safe: its functions change nothing.
struct FaultOptions {
  FaultRates rates = {};
  // If not empty: a batch with a sequence that contains it meets kError, whatever the rates.
  std::string poison = {};
  // If not empty: a batch with a sequence that contains it ends the classifier at once, without answering any call.
  std::string crash = {};

  // The fault of the batch with the given number, counted from 0 in the order of arrival. The rates must be valid.
  Fault Decide(std::uint64_t batch_number, const std::vector<std::string>& sequences) const;

  // Returns true if one of the sequences ends the classifier.
  bool EndTheClassifier(const std::vector<std::string>& sequences) const;
};

}  // namespace smartbatch::classifier
