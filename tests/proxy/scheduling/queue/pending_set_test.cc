// What waits: how large its memory stays.
#include "services/proxy/scheduling/queue/pending_set.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/proxy/scheduling/queue_fixture.h"

namespace smartbatch::scheduling {
namespace {

using PendingSetTest = QueueFixture;

TEST_F(PendingSetTest, KeepsNoMemoryOfALargeRequestInAFreeSlot) {
  const PendingRequest& request = Add("a", std::vector<std::uint32_t>(kMostSequences, 10));
  EXPECT_GE(request.sequences.capacity(), kMostSequences);
  End(*pending_.Find(request.id));
  const PendingRequest& next = Add("a", {10});  // in the same place
  EXPECT_EQ(&next, &request);
  EXPECT_LT(next.sequences.capacity(), 10U);
}

TEST_F(PendingSetTest, FindsTheLongestOfTheSequencesThatStay) {
  PendingRequest& request = Add("a", {30, 50, 20, 50, 40});
  const auto start = [&](const std::vector<std::size_t>& which) {
    for (const std::size_t i : which) request.sequences[i].selected = true;
    pending_.StartSelected(request);
    for (const std::size_t i : which) request.sequences[i].selected = false;
  };
  start({1});
  EXPECT_EQ(request.longest_waiting, 50U);
  start({2, 3});
  EXPECT_EQ(request.longest_waiting, 40U);
  start({0, 4});
  EXPECT_EQ(request.longest_waiting, 0U);
  EXPECT_EQ(request.running, 5U);
  EXPECT_EQ(pending_.Oldest(), nullptr);
}

}  // namespace
}  // namespace smartbatch::scheduling
