#include "services/proxy/scheduling/batches/lone_retries.h"

namespace smartbatch::scheduling {

PendingSequence* LoneRetries::Oldest() {
  for (; next_ < retries_.size(); ++next_) {
    const BatchMember& member = retries_[next_].member;
    PendingRequest* const request = pending_.Find(member.request);
    if (request == nullptr || request->finished) continue;
    PendingSequence& sequence = request->sequences[member.sequence];
    if (sequence.state == SequenceState::kWaiting && sequence.alone) return &sequence;
  }
  retries_.clear();
  next_ = 0;
  return nullptr;
}

std::optional<BackendId> LoneRetries::Select(const BackendPool& backends, Time now, Selection& selection) {
  PendingSequence* const sequence = Oldest();
  if (sequence == nullptr) return std::nullopt;
  const BackendId failed_at = retries_[next_].failed_at;
  const bool has_other = backends.HasOther(failed_at, now);
  const std::optional<BackendId> avoided = has_other ? std::optional(failed_at) : std::nullopt;
  const std::optional<BackendId> backend = backends.FreeSlot(now, avoided, sequence->falls > 0);
  if (!backend) return std::nullopt;
  selected_ = retries_[next_++];
  // A selection takes only sequences that a strategy may choose, which this one was not.
  sequence->alone = false;
  selection.Take(*sequence);
  sequence->alone = true;
  selection.DispatchFor(DispatchReason::kRetry);
  return backend;
}

}  // namespace smartbatch::scheduling
