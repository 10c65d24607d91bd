#include "services/proxy/scheduling/model/selection.h"

#include <vector>

#include <gmock/gmock.h>

#include "tests/proxy/scheduling/queue_fixture.h"

namespace smartbatch::scheduling {
namespace {

class KeepOneKind : public QueueFixture {
 protected:
  KeepOneKind() { selection_.Clear(8); }
  ~KeepOneKind() override { selection_.Clear(8); }

  PendingRequest& AddOfKind(std::uint32_t kind, const std::vector<std::uint32_t>& lengths) {
    PendingRequest& request = Add("a", lengths);
    request.kind = kind;
    return request;
  }
  std::vector<std::uint32_t> Lengths() const {
    std::vector<std::uint32_t> lengths;
    for (const PendingSequence* const sequence : selection_.members()) lengths.push_back(sequence->length);
    return lengths;
  }

  Selection selection_;
};

TEST_F(KeepOneKind, LeavesASelectionOfOneKindAsItIs) {
  selection_.TakeWaitingOf(AddOfKind(3, {10, 20, 30, 40}));
  selection_.TakeWaitingOf(AddOfKind(3, {5, 6, 7, 8}));
  selection_.DispatchForOrFull(DispatchReason::kHold);
  selection_.KeepOneKind();
  EXPECT_EQ(selection_.members().size(), 8U);
  EXPECT_EQ(selection_.reason(), DispatchReason::kFull);
}

TEST_F(KeepOneKind, GivesBackWhatIsOfAnotherKindThanTheFirst) {
  PendingRequest& other = AddOfKind(2, {90, 80});
  selection_.TakeWaitingOf(AddOfKind(1, {10, 20}));
  selection_.TakeWaitingOf(other);
  selection_.TakeWaitingOf(AddOfKind(1, {30}));
  selection_.TakeWaitingOf(AddOfKind(0, {1, 2, 3}));
  selection_.DispatchForOrFull(DispatchReason::kHold);
  selection_.KeepOneKind();
  EXPECT_THAT(Lengths(), testing::ElementsAre(10, 20, 30));
  EXPECT_EQ(selection_.longest(), 30U);
  EXPECT_EQ(selection_.paying(), 3U);
  EXPECT_EQ(selection_.reason(), DispatchReason::kSlotFree);
  EXPECT_FALSE(other.sequences[0].selected);
}

TEST_F(KeepOneKind, LetsNothingRideFreeThatIsLongerThanWhatIsLeftToPay) {
  selection_.TakeWaitingOf(AddOfKind(1, {10}));
  selection_.TakeWaitingOf(AddOfKind(2, {50}));
  selection_.RestRidesFree();
  selection_.TakeWaitingOf(AddOfKind(1, {40}));
  selection_.TakeWaitingOf(AddOfKind(1, {9}));
  selection_.DispatchFor(DispatchReason::kSlotFree);
  selection_.KeepOneKind();
  EXPECT_THAT(Lengths(), testing::ElementsAre(10, 9));
  EXPECT_EQ(selection_.paying(), 1U);
}

TEST_F(KeepOneKind, TakesNoPartOfARequestAlongThatIsLongerThanWhatIsLeftOfTheChoice) {
  PendingRequest& rider = AddOfKind(1, {40, 9});
  PendingRequest& first = AddOfKind(1, {10, 45});
  selection_.Take(first.sequences[0]);
  selection_.TakeWaitingOf(AddOfKind(2, {50}));
  selection_.ChoiceIsMade();
  selection_.TakeWaitingOf(rider);
  selection_.Take(first.sequences[1]);
  selection_.DispatchFor(DispatchReason::kSlotFree);
  selection_.KeepOneKind();
  EXPECT_THAT(Lengths(), testing::ElementsAre(10));
  EXPECT_EQ(selection_.longest(), 10U);
  EXPECT_EQ(selection_.chosen(), 1U);
  EXPECT_FALSE(rider.sequences[1].selected);
  EXPECT_FALSE(first.sequences[1].selected);
}

// --- What the batch is for ---

using WhatABatchIsFor = KeepOneKind;

TEST_F(WhatABatchIsFor, IsAllOfItAsLongAsNothingElseIsSaid) {
  selection_.TakeWaitingOf(AddOfKind(1, {10}));
  selection_.TakeWaitingOf(AddOfKind(1, {50}));
  EXPECT_EQ(selection_.chosen(), 2U);
  EXPECT_EQ(selection_.longest_chosen(), 50U);
}

TEST_F(WhatABatchIsFor, IsWhatWasTakenWhenThatWasFirstSaid) {
  selection_.TakeWaitingOf(AddOfKind(1, {10}));
  selection_.ChoiceIsMade();
  selection_.TakeWaitingOf(AddOfKind(1, {50}));
  selection_.ChoiceIsMade();
  EXPECT_EQ(selection_.chosen(), 1U);
  EXPECT_EQ(selection_.longest_chosen(), 10U);
  EXPECT_EQ(selection_.paying(), 2U) << "nothing was said of that";
}

}  // namespace
}  // namespace smartbatch::scheduling
