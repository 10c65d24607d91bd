#include "services/proxy/scheduling/model/selection.h"

#include <algorithm>
#include <cassert>

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
