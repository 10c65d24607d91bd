#include "services/proxy/scheduling/batches/running_batches.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace smartbatch::scheduling {
namespace {

bool GivesItsSlotBack(const Batch& batch, const BackendPool& backends) {
  const Backend& backend = backends.backends()[batch.backend];
  return !backend.removed && backend.healthy;
}

}  // namespace

void RunningBatches::Add(Batch batch) { batches_.push_back(std::move(batch)); }

Batch RunningBatches::Take(BatchId id) {
  const auto found = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& batch) { return batch.id == id; });
  assert(found != batches_.end());
  Batch batch = std::move(*found);
  batches_.erase(found);
  batch.dead = DeadMembersOf(batch);
  return batch;
}

std::uint32_t RunningBatches::DeadMembersOf(const Batch& batch) const {
  return static_cast<std::uint32_t>(
      std::count_if(batch.members.begin(), batch.members.end(), [&](const BatchMember& member) {
        const PendingRequest* const request = pending_.Find(member.request);
        return request == nullptr || request->finished;
      }));
}

void RunningBatches::AppendAbandoned(RequestId request, std::vector<BatchId>& abandoned) const {
  for (const Batch& batch : batches_) {
    const bool holds_it = std::any_of(batch.members.begin(), batch.members.end(),
                                      [&](const BatchMember& member) { return member.request == request; });
    if (holds_it && !AnybodyWaitsFor(batch)) abandoned.push_back(batch.id);
  }
}

void RunningBatches::AppendOverdue(BackendId backend, Time now, std::vector<BatchId>& overdue) const {
  for (const Batch& batch : batches_) {
    if (batch.backend == backend && IsOverdue(batch, now - batch.dispatched)) overdue.push_back(batch.id);
  }
}

std::optional<Duration> RunningBatches::UntilOneEnds(const BackendPool& backends, Time now) const {
  std::optional<Duration> least;
  for (const Batch& batch : batches_) {
    if (!GivesItsSlotBack(batch, backends)) continue;
    const Duration left = Later(batch.dispatched, FromSeconds(batch.counted_seconds)) - now;
    least = std::min(least.value_or(left), left);
  }
  if (least) least = std::max(*least, Duration::zero());
  return least;
}

std::optional<Duration> RunningBatches::UntilOneIsThoughtToEnd(const BackendPool& backends,
                                                               absl::FunctionRef<double(double)> seconds_of,
                                                               Time now) const {
  std::optional<Duration> least;
  for (const Batch& batch : batches_) {
    if (!GivesItsSlotBack(batch, backends)) continue;
    const Duration left = Later(batch.dispatched, FromSeconds(seconds_of(batch.counted_seconds))) - now;
    const Duration thought = left > Duration::zero() ? left : now - batch.dispatched;
    least = std::min(least.value_or(thought), thought);
  }
  return least;
}

double RunningBatches::TimesOverdue(const BackendPool& backends, Time now) const {
  std::optional<double> least;
  for (const Batch& batch : batches_) {
    if (!GivesItsSlotBack(batch, backends) || batch.counted_seconds <= 0) continue;
    const double times = ToSeconds(now - batch.dispatched) / batch.counted_seconds;
    least = std::min(least.value_or(times), times);
  }
  return std::max(least.value_or(1), 1.0);
}

bool RunningBatches::ArePredictable(const BackendPool& backends) const {
  return std::all_of(batches_.begin(), batches_.end(), [&](const Batch& batch) {
    return !GivesItsSlotBack(batch, backends) ||
           (backends.backends()[batch.backend].fit.KnowsLength(batch.longest) && AnybodyWaitsFor(batch));
  });
}

}  // namespace smartbatch::scheduling
