// Whose turn it is on a device that several models share.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace smartbatch::scheduling {

// Gives the slots of one device, a batch each, to the models that share it, its members: the next slot goes to the
// member that has used the least device time for its weight. This is start-time fair queueing (Goyal, Vin and Cheng
// 1996) over several slots (SFQ(D), Jin, Chase and Kaur 2004), in which a batch counts as predicted while it runs, and
// as it was once it has ended.
//
// Each member has a tag: its device time over its weight. A member that begins to want the device gets at least the tag
// at which the last slot was given: the time during which it wanted nothing is no credit.
//
// What is promised, with D slots, weights w, and batches of which those of member i take at most l_i seconds, as
// predicted and in truth:
//
// - No slot is free while a member waits, if the owner lets the member of Next ask after every change.
// - Fair: while f and g both want the device, f's time over its weight and g's move apart by at most
//   2 D (l_f / w_f + l_g / w_g), and with one slot by half of that. For a slot is given to f only when its tag is at
//   most g's. Then f's tag rises by at most D l_f / w_f before f gets another slot: by the batch, and by what its other
//   batches take beyond their predictions. g's tag falls by at most D l_g / w_g: by what the batches that it has then
//   take less than predicted. A member that begins to want the device has a tag from which no other differs by more.
//   So the difference of two tags lies within D (l_f / w_f + l_g / w_g) of 0 at any two moments. With one slot nothing
//   runs when it is given: g's tag does not fall, and f's rises by l_f / w_f.
// - Nobody starves: while f waits and uses nothing, g uses at most 2 D (l_g + w_g l_f / w_f) seconds, while all slots
//   are busy. So f waits for at most the sum of 2 (l_g + w_g l_f / w_f) over the others, and three times the longest
//   batch: for those that run at either end of its wait.
//
// It is not for a model whose batches must leave at certain times: it knows no deadlines.
//
// Complexity: linear in the members, of which there are few. Thread safety: none.
class DeviceBroker {
 public:
  using Member = std::uint32_t;

  // Requires: slots is at least 1.
  explicit DeviceBroker(std::uint32_t slots) : slots_(slots) {}

  // Adds a member that wants nothing yet. Requires: the weight is above 0.
  Member Join(double weight);
  // Its number may be given to another member from now on. Requires: it has no slot.
  void Leave(Member member);
  // For what is used from now on. Requires: the weight is above 0.
  void SetWeight(Member member, double weight) { members_[member].weight = weight; }
  // If more slots are in use, their batches go on. Requires: slots is at least 1.
  void SetSlots(std::uint32_t slots) { slots_ = slots; }

  // The member wants a slot. Returns true if it has one now: then it must Start a batch or Return the slot. Otherwise
  // it waits until it asks again with success, or withdraws.
  bool Ask(Member member);
  // A batch that is predicted to take `predicted_seconds` begins in the slot that the member has got.
  void Start(Member member, double predicted_seconds);
  // That batch has ended, after `seconds`. Its slot is free.
  void End(Member member, double predicted_seconds, double seconds);
  // The member has no use for the slot that it has got, and wants none.
  void Return(Member member);
  // The member wants no slot until it asks again. Call it when that is so, if it waits or not: otherwise it keeps its
  // tag, and with it a credit for the time in which it wanted nothing.
  void Withdraw(Member member);

  // The waiting member that should ask now, since a slot is free; none if nobody waits or no slot is free.
  std::optional<Member> Next() const;

  std::uint32_t slots() const { return slots_; }
  std::uint32_t slots_in_use() const { return slots_in_use_; }
  // The device time of the member's batches that have ended.
  double UsedSeconds(Member member) const { return members_[member].used_seconds; }

 private:
  struct Share {
    double weight = 1;
    double tag = 0;
    double used_seconds = 0;
    bool present = true;
    bool wants = false;
    bool waits = false;
    std::uint64_t waits_since = 0;  // counts the waits; among equal tags the first goes first
  };

  std::uint32_t slots_;
  std::uint32_t slots_in_use_ = 0;
  double last_tag_ = 0;  // the largest at which a slot was given
  std::uint64_t waits_ = 0;
  std::vector<Share> members_;
};

}  // namespace smartbatch::scheduling
