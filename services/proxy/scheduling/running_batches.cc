#include "services/proxy/scheduling/running_batches.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace smartbatch::scheduling {

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
    if (holds_it && DeadMembersOf(batch) == batch.members.size()) abandoned.push_back(batch.id);
  }
}

}  // namespace smartbatch::scheduling
