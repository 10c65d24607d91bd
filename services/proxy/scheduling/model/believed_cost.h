// What batches are believed to cost, and how far that belief is more than an assumption.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "common/cost_model.h"

namespace smartbatch::scheduling {

// A cost model that is known up to a length: somebody told it, or batches have taught it. Beyond that length it is only
// assumed, and may be wrong by any factor: nobody has measured the formula that a proxy starts with, and a few short
// texts, to which it is fitted, say nothing about long ones.
//
// Which batch goes first may depend on an assumed cost: then only the ratio of two costs counts. What weighs a cost
// against a clock, against a limit or against a customer's share must not: it asks for CountedSeconds.
struct BelievedCost {
  // What a batch counts as at most if nothing is known at all.
  static constexpr double kMostIfUnknown = 1;  // second

  CostModel model;
  // In characters; 0 if nothing is known yet.
  std::uint32_t known_length = std::numeric_limits<std::uint32_t>::max();

  bool Knows(std::uint32_t length) const { return length <= known_length; }
  // The seconds of a batch of so many sequences, the longest of that many characters, if that cost is known. Otherwise
  // those of the longest batch whose cost is known; if none is, what is assumed, but at most kMostIfUnknown.
  double CountedSeconds(std::size_t sequences, std::uint32_t longest) const {
    if (known_length == 0) return std::min(model.Seconds(sequences, longest), kMostIfUnknown);
    return model.Seconds(sequences, std::min(longest, known_length));
  }
};

}  // namespace smartbatch::scheduling
