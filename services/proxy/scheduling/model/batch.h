// A batch on its way to a backend.
#pragma once

#include <cstdint>
#include <string_view>

#include <absl/container/inlined_vector.h>

#include "common/time.h"
#include "services/proxy/scheduling/model/dispatch_reason.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// Counts the batches; never used twice.
using BatchId = std::uint64_t;
// Identifies a backend from AddBackend until it is removed and its last batch has ended; then it may identify another
// one. Ids stay below the largest number of backends that existed at once.
using BackendId = std::uint32_t;

// One sequence of one request.
struct BatchMember {
  RequestId request;
  std::uint32_t sequence = 0;  // its index in the request
  std::uint32_t length = 0;    // characters
};

using BatchMembers = absl::InlinedVector<BatchMember, 5>;

struct Batch {
  BatchId id = 0;
  BackendId backend = 0;
  BatchMembers members;       // the members of one request are adjacent
  std::uint32_t longest = 0;  // characters
  // Members that fill seats which what the batch is for left free, and the longest of those that it is for.
  std::uint32_t riders = 0;
  std::uint32_t longest_chosen = 0;
  // By the backend's cost model; and as far as that can be relied on (BelievedCost).
  double predicted_seconds = 0;
  double counted_seconds = 0;
  // The backend counts as hung if it has not answered after this time; never zero.
  Duration timeout{};
  // After this time it would count as hung if there were another reason to think so.
  Duration overdue_after{};
  DispatchReason reason = DispatchReason::kSlotFree;
  std::string_view strategy;  // lives as long as the program
  Time dispatched{};
  // With kRetry: the backend that failed the sequence before, and whether a backend crashed while it had the sequence.
  BackendId failed_before = 0;
  bool suspect = false;
  // With kRetry: the refused batch that held the sequence, if it may have been refused for its size; otherwise 0.
  BatchId refused_batch = 0;
  // The sequences that it could have held.
  std::uint32_t seats = 0;
  // After its end: the members whose requests had ended before it.
  std::uint32_t dead = 0;
};

// The number of requests that have members in the batch.
inline std::uint32_t RequestsIn(const Batch& batch) {
  std::uint32_t requests = 0;
  for (std::size_t i = 0; i < batch.members.size(); ++i) {
    if (i == 0 || batch.members[i].request != batch.members[i - 1].request) ++requests;
  }
  return requests;
}

}  // namespace smartbatch::scheduling
