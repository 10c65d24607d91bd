// What waits: how large its memory stays, and how much work it is.
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

// If adding and subtracting were not by one measure something would be left in the end.
TEST_F(PendingSetTest, MeasuresAnewWhatWaitsAndNothingElse) {
  const auto seconds = [](std::uint64_t count, std::uint64_t sequences) { return count * 1'000'000'000 + sequences; };
  pending_.MeasureWorkBy({{.fixed = 1, .quadratic = 0}});
  PendingRequest& split = Add("a", {30, 50, 20});
  PendingRequest& running = Add("a", {40});
  PendingRequest& alone = Add("b", {60});
  PendingRequest& other = Add("c", {10});
  Start({&running, &alone});
  split.sequences[1].selected = true;
  pending_.StartSelected(split);
  pending_.ReturnToWaiting(alone.sequences[0], true);
  const Customer& a = *customers_.Find("a");
  const Customer& b = *customers_.Find("b");
  const Customer& c = *customers_.Find("c");
  EXPECT_EQ(a.waiting_work, seconds(2, 2));
  EXPECT_EQ(c.waiting_work, seconds(1, 1));

  pending_.MeasureWorkBy({.model = {.quadratic = 0, .per_character = 0.5}, .known_length = 20});
  EXPECT_EQ(a.waiting_work, seconds(20, 2));
  EXPECT_EQ(b.waiting_work, 0U) << "its sequence is not the strategy's to choose";
  EXPECT_EQ(c.waiting_work, seconds(5, 1));

  pending_.ReturnToWaiting(running.sequences[0], false);
  EXPECT_EQ(a.waiting_work, seconds(30, 3));
  for (PendingRequest* const request : {&split, &running, &other}) End(*request);
  EXPECT_EQ(a.waiting_work, 0U);
  EXPECT_EQ(c.waiting_work, 0U);
}

}  // namespace
}  // namespace smartbatch::scheduling
