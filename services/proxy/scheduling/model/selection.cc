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
  choice_is_made_ = false;
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

void Selection::ChoiceIsMade() {
  if (choice_is_made_) return;
  choice_is_made_ = true;
  chosen_ = members_.size();
  longest_chosen_ = longest_;
}

void Selection::RestRidesFree() {
  ChoiceIsMade();
  rest_rides_free_ = true;
}

void Selection::KeepOneKind() {
  const std::uint32_t kind = members_.empty() ? 0 : members_.front()->request->kind;
  const auto is_of_kind = [&](const PendingSequence* sequence) { return sequence->request->kind == kind; };
  if (std::all_of(members_.begin(), members_.end(), is_of_kind)) return;
  const auto first_rider = members_.begin() + static_cast<std::ptrdiff_t>(chosen());
  const auto chosen_gone = std::stable_partition(members_.begin(), first_rider, is_of_kind);
  std::uint32_t longest = 0;
  std::for_each(members_.begin(), chosen_gone,
                [&](const PendingSequence* sequence) { longest = std::max(longest, sequence->length); });
  const auto is_too_long = [&](const PendingSequence& other) { return other.selected && other.length > longest; };
  const auto rides = [&](const PendingSequence* sequence) {
    const auto& all = sequence->request->sequences;
    return is_of_kind(sequence) && std::none_of(all.begin(), all.end(), is_too_long);
  };
  const auto riders_gone = std::stable_partition(first_rider, members_.end(), rides);
  const auto unselect = [](PendingSequence* sequence) { sequence->selected = false; };
  std::for_each(chosen_gone, first_rider, unselect);
  std::for_each(riders_gone, members_.end(), unselect);
  members_.erase(riders_gone, members_.end());
  members_.erase(chosen_gone, first_rider);
  chosen_ = static_cast<std::size_t>(chosen_gone - members_.begin());
  longest_ = longest_chosen_ = longest;
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
