// The batch that a strategy is forming.
#pragma once

#include <cstdint>
#include <vector>

#include "common/time.h"
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// A batch that is being formed, or a wish to wait, or nothing. The scheduler keeps one object and clears it before
// each use. Not thread safe.
class Selection {
 public:
  enum class Kind : std::uint8_t { kNothing, kWait, kBatch };

  void Clear(std::uint32_t seats);

  // Takes one waiting sequence. Requires: a seat is free, and the sequence is not selected yet.
  void Take(PendingSequence& sequence);
  // Returns true if there is a seat for each of the request's waiting sequences, or if the batch is empty: a request
  // that needs more seats than this backend's batches have is served in parts.
  bool HasRoomFor(const PendingRequest& request) const { return empty() || request.waiting <= free_seats(); }
  // Takes the waiting sequences of the request that are not yet selected, as many as fit.
  void TakeWaitingOf(PendingRequest& request);

  // What was taken so far is what the batch is for; what is taken later fills seats that are free. Said again it
  // changes nothing. A strategy that does not say it has chosen all that it takes.
  void ChoiceIsMade();
  // The same; and what was taken so far pays for the batch, what is taken later rides free.
  void RestRidesFree();

  // Gives back what is of another kind than the first that was taken, which is what the batch is for; and what
  // fills seats of a request that is longer than all that is left of the choice. The batch is no longer full then.
  // Linear in the members.
  void KeepOneKind();

  // Sends the batch now.
  void DispatchFor(DispatchReason reason);
  // The same, with reason kFull if no seat is free.
  void DispatchForOrFull(DispatchReason reason);
  // Gives back the taken sequences, and asks to be called again at `time` or at the next arrival.
  void WaitUntil(Time time);

  Kind kind() const { return kind_; }
  DispatchReason reason() const { return reason_; }
  Time ask_again_at() const { return ask_again_at_; }
  const std::vector<PendingSequence*>& members() const { return members_; }
  // How many of the members, from the front, are what the batch is for; and how many pay.
  std::size_t chosen() const { return choice_is_made_ ? chosen_ : members_.size(); }
  std::size_t paying() const { return rest_rides_free_ ? chosen_ : members_.size(); }
  std::uint32_t free_seats() const { return seats_ - static_cast<std::uint32_t>(members_.size()); }
  std::uint32_t longest() const { return longest_; }
  // Of what the batch is for.
  std::uint32_t longest_chosen() const { return choice_is_made_ ? longest_chosen_ : longest_; }
  bool empty() const { return members_.empty(); }

 private:
  std::vector<PendingSequence*> members_;
  std::uint32_t seats_ = 0;
  std::uint32_t longest_ = 0;
  Kind kind_ = Kind::kNothing;
  DispatchReason reason_ = DispatchReason::kSlotFree;
  Time ask_again_at_ = kNever;
  std::size_t chosen_ = 0;
  std::uint32_t longest_chosen_ = 0;
  bool choice_is_made_ = false;
  bool rest_rides_free_ = false;
};

}  // namespace smartbatch::scheduling
