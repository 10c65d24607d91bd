// The sequences that are tried again alone.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/time.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/queue/pending_set.h"

namespace smartbatch::scheduling {

// A batch that fails for its content, or with which its backend crashed, does not show which of its members is bad. So
// each member is sent again alone: oldest first, before anything that a strategy would choose, and to another backend
// than the one that failed it if there is one. Of the members with which a backend crashed no two are at one backend at
// a time, so that the one that crashes it takes no other one along. RetryBudget limits how often sequences are sent
// again because a backend failed.
//
// `pending` must outlive it. Requests may end at any time; ended ones are skipped. Not thread safe.
class LoneRetries {
 public:
  explicit LoneRetries(PendingSet& pending) : pending_(pending) {}

  // Adds a member of a failed batch, which waits to be tried again (PendingSet::ReturnToWaiting, alone).
  // `refused_batch`: see Batch.
  void Add(const BatchMember& member, BackendId failed_at, BatchId refused_batch = 0) {
    retries_.push_back({member, failed_at, refused_batch});
  }

  // Returns true if nothing waits; may still be false if all that waited has ended.
  bool empty() const { return next_ >= retries_.size(); }
  // The sequence that has waited longest; null if none waits. Amortized constant time for each that was added.
  PendingSequence* Oldest();
  // Takes the oldest sequence into the empty selection if a backend that may have it has a free slot; returns that
  // backend.
  std::optional<BackendId> Select(const BackendPool& backends, Time now, Selection& selection);
  // For the sequence that was selected last: the backend that failed it, and the batch if that was refused.
  BackendId failed_before() const { return selected_.failed_at; }
  BatchId refused_batch() const { return selected_.refused_batch; }

 private:
  struct Retry {
    BatchMember member;
    BackendId failed_at = 0;
    BatchId refused_batch = 0;
  };

  PendingSet& pending_;
  std::vector<Retry> retries_;  // oldest first
  Retry selected_;
  std::size_t next_ = 0;  // the ones before it have left, or their requests have ended
};

}  // namespace smartbatch::scheduling
