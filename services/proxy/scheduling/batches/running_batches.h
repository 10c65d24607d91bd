// The batches that are at the backends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <absl/functional/function_ref.h>

#include "common/time.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/queue/pending_set.h"

namespace smartbatch::scheduling {

// Returns true if the batch has taken longer than such a batch takes at a backend that works (Scheduler::Predict).
inline bool IsOverdue(const Batch& batch, Duration took) { return took > batch.overdue_after; }

// The running batches. There are only as many as slots, so every search goes through all of them. `pending` must
// outlive it. Not thread safe.
class RunningBatches {
 public:
  explicit RunningBatches(PendingSet& pending) : pending_(pending) {}

  void Add(Batch batch);
  // Takes out a batch that has ended, with its dead members counted. Requires: `id` is running.
  Batch Take(BatchId id);
  // Appends the batches that held the request, which has ended, and that nobody waits for any more.
  void AppendAbandoned(RequestId request, std::vector<BatchId>& abandoned) const;

  // Appends the backend's batches that are overdue.
  void AppendOverdue(BackendId backend, Time now, std::vector<BatchId>& overdue) const;

  // The time until the first batch is predicted to end; zero if one is overdue, since it may end at any moment. Batches
  // at backends that get no further batch do not count. Nothing if none is left.
  std::optional<Duration> UntilOneEnds(const BackendPool& backends, Time now) const;
  // The same, but a batch with counted seconds p is assumed to take seconds_of(p), and an overdue batch as long again
  // as it has taken.
  std::optional<Duration> UntilOneIsThoughtToEnd(const BackendPool& backends,
                                                 absl::FunctionRef<double(double)> seconds_of, Time now) const;
  // How many times longer than predicted the least overdue batch has taken: 1 if a batch is not overdue, or none runs.
  double TimesOverdue(const BackendPool& backends, Time now) const;
  // Returns true if the predicted ends of the batches that UntilOneEnds counts are more than beliefs: their costs are
  // known, and somebody waits for each, so that none is cancelled.
  bool ArePredictable(const BackendPool& backends) const;

  std::size_t size() const { return batches_.size(); }

 private:
  std::uint32_t DeadMembersOf(const Batch& batch) const;
  bool AnybodyWaitsFor(const Batch& batch) const { return DeadMembersOf(batch) < batch.members.size(); }

  PendingSet& pending_;
  std::vector<Batch> batches_;
};

}  // namespace smartbatch::scheduling
