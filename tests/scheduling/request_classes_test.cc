#include "services/proxy/scheduling/request_classes.h"

#include <cstdint>
#include <initializer_list>
#include <string>

#include <gtest/gtest.h>

namespace smartbatch::scheduling {
namespace {

// A request that waits with sequences of these lengths, linked by hand.
struct Waiting : PendingRequest {
  Waiting(std::uint64_t number, std::initializer_list<std::uint32_t> lengths) {
    id.number = number;
    sequences.resize(lengths.size());
    std::size_t i = 0;
    for (const std::uint32_t length : lengths) {
      sequences[i].request = this;
      sequences[i++].length = length;
    }
  }
};

// "request.sequence" of everything in the index, the longest first.
std::string Order(const WaitingSequences& waiting) {
  std::string order;
  for (const PendingSequence* sequence = waiting.by_length().LongestWithin(kLongestSequence); sequence != nullptr;
       sequence = waiting.by_length().NextShorter(*sequence)) {
    order += std::to_string(sequence->request->id.number) + "." + std::to_string(sequence->index()) + " ";
  }
  return order;
}

TEST(WaitingSequences, WhatStaysOfASplitRequestKeepsItsPlaceAmongItsLikes) {
  Waiting older(1, {50});
  Waiting split(2, {10, 50, 70});
  Waiting younger(3, {50});
  WaitingSequences waiting;
  for (Waiting* const request : {&older, &split, &younger}) waiting.Add(*request, false);
  EXPECT_EQ(Order(waiting), "2.2 1.0 2.1 3.0 2.0 ");
  split.sequences[0].selected = split.sequences[2].selected = true;
  waiting.RemoveSelected(split);
  EXPECT_EQ(Order(waiting), "1.0 2.1 3.0 ");
  // One that a backend failed comes before its likes.
  waiting.Remove(younger);
  waiting.Add(younger, true);
  EXPECT_EQ(Order(waiting), "3.0 1.0 2.1 ");
  split.sequences[0].state = split.sequences[2].state = SequenceState::kRunning;
  for (Waiting* const request : {&older, &split, &younger}) waiting.Remove(*request);
  EXPECT_TRUE(waiting.by_length().empty());
}

}  // namespace
}  // namespace smartbatch::scheduling
