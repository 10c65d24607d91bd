// A waiting sequence that a choice looks at, with what its weight is made of.
#pragma once

#include <cstdint>

#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// What is at hand here costs no look at the request, which in a long queue is a wait for memory, and no cost is worked
// out twice. The last three hold as long as batches cost the same and the same sequences of the request wait.
struct Candidate {
  explicit Candidate(PendingSequence& waiting)
      : sequence(&waiting), arrival(waiting.request->arrival), length(waiting.length) {}

  PendingSequence* sequence;
  Time arrival;
  std::uint32_t length;
  std::uint32_t costs = 0;   // LengthCosts::version() that they are of; 0 if there are none
  double own_seconds = 0;    // of the request's longest, alone
  double share = 0;          // of its request's weight, by what is left to do
  double least_seconds = 0;  // the least that it can cost
};

}  // namespace smartbatch::scheduling
