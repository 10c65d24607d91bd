#include "services/proxy/scheduling/model/selection.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace smartbatch::scheduling {

void Selection::Clear(std::uint32_t seats) {
  for (PendingSequence* const sequence : members_) sequence->selected = false;
  members_.clear();
  seats_ = seats;
  longest_ = 0;
  kind_ = Kind::kNothing;
  reason_ = DispatchReason::kSlotFree;
  ask_again_at_ = kNever;
  paying_ = 0;
  rest_rides_free_ = false;
}

void Selection::Take(PendingSequence& sequence) {
  assert(free_seats() > 0);
  assert(sequence.state == SequenceState::kWaiting && !sequence.alone && !sequence.selected);
  sequence.selected = true;
  members_.push_back(&sequence);
  longest_ = std::max(longest_, sequence.length);
}

void Selection::TakeWaitingOf(PendingRequest& request) {
  for (PendingSequence& sequence : request.sequences) {
    if (free_seats() == 0) return;
    if (sequence.state == SequenceState::kWaiting && !sequence.alone && !sequence.selected) Take(sequence);
  }
}

void Selection::RestRidesFree() {
  rest_rides_free_ = true;
  paying_ = members_.size();
}

void Selection::KeepOneKind() {
  const auto is_other = [this](const PendingSequence* sequence) {
    return sequence->request->kind != members_.front()->request->kind;
  };
  if (std::none_of(members_.begin(), members_.end(), is_other)) return;
  const auto before = std::exchange(members_, {});
  const std::size_t paying_before = rest_rides_free_ ? paying_ : before.size();
  std::uint32_t longest_paying = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const bool pays = i < paying_before;
    const bool stays =
        before[i]->request->kind == before.front()->request->kind && (pays || before[i]->length <= longest_paying);
    before[i]->selected = stays;
    if (!stays) continue;
    if (pays) longest_paying = std::max(longest_paying, before[i]->length);
    members_.push_back(before[i]);
    if (pays) paying_ = members_.size();
  }
  longest_ = longest_paying;
  if (reason_ == DispatchReason::kFull) reason_ = DispatchReason::kSlotFree;
}

void Selection::DispatchFor(DispatchReason reason) {
  assert(!members_.empty());
  kind_ = Kind::kBatch;
  reason_ = reason;
}

void Selection::DispatchForOrFull(DispatchReason reason) {
  DispatchFor(free_seats() == 0 ? DispatchReason::kFull : reason);
}

void Selection::WaitUntil(Time time) {
  Clear(seats_);
  kind_ = Kind::kWait;
  ask_again_at_ = time;
}

}  // namespace smartbatch::scheduling
