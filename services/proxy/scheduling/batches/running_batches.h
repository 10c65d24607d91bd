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

// Far beyond its predicted end: after three times the predicted cost, and a quarter of a second besides.
bool IsOverdue(const Batch& batch, Duration took);

// As few as there are slots, so that every look goes through all of them. `pending` must outlive it. Not thread safe.
class RunningBatches {
 public:
  explicit RunningBatches(PendingSet& pending) : pending_(pending) {}

  void Add(Batch batch);
  // The batch has ended: takes it out, with its dead members counted. `id` must be running.
  Batch Take(BatchId id);
  // Appends those which the request, which has ended, was in, and which nobody waits for now.
  void AppendAbandoned(RequestId request, std::vector<BatchId>& abandoned) const;

  // Appends those of the backend that are overdue.
  void AppendOverdue(BackendId backend, Time now, std::vector<BatchId>& overdue) const;

  // The time until the first of them is predicted to end; one that is overdue may end at any moment: zero. Those at
  // backends that get no further batch do not count. Nothing where none is left.
  std::optional<Duration> UntilOneEnds(const BackendPool& backends, Time now) const;
  // The same, but of one that is predicted to take so many seconds it is thought that it takes seconds_of them, and of
  // one that is overdue that it takes as long again as it has taken.
  std::optional<Duration> UntilOneIsThoughtToEnd(const BackendPool& backends,
                                                 absl::FunctionRef<double(double)> seconds_of, Time now) const;
  // How many times longer than predicted the one that is least overdue has taken: 1 if one is not overdue, or none
  // runs.
  double TimesOverdue(const BackendPool& backends, Time now) const;
  // What is predicted of those that UntilOneEnds counts is more than a belief: their costs are known, and somebody
  // waits for each, so that none is cancelled.
  bool ArePredictable(const BackendPool& backends) const;

  std::size_t size() const { return batches_.size(); }

 private:
  std::uint32_t DeadMembersOf(const Batch& batch) const;
  bool AnybodyWaitsFor(const Batch& batch) const { return DeadMembersOf(batch) < batch.members.size(); }

  PendingSet& pending_;
  std::vector<Batch> batches_;
};

}  // namespace smartbatch::scheduling
