#include "services/proxy/scheduling/strategies/free_riders.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/proxy/scheduling/strategies/waiting_requests.h"

namespace smartbatch::scheduling {
namespace {

std::vector<std::uint32_t> TakenLengths(const Selection& selection) {
  std::vector<std::uint32_t> lengths;
  for (const PendingSequence* const sequence : selection.members()) lengths.push_back(sequence->length);
  return lengths;
}

// The longest that are no longer than `limit`, at most `most`.
std::vector<std::uint32_t> LongestUpTo(std::vector<std::uint32_t> lengths, std::uint32_t limit, std::size_t most) {
  std::erase_if(lengths, [limit](std::uint32_t length) { return length > limit; });
  std::sort(lengths.rbegin(), lengths.rend());
  lengths.resize(std::min(lengths.size(), most));
  return lengths;
}

TEST(FillWithSequences, TakesTheLongestThatAreNoLongerThanTheBatch) {
  Random random(1);
  for (int round = 0; round < 500; ++round) {
    WaitingRequests requests;
    WaitingSequences waiting;
    for (std::int64_t i = random.Between(1, 12); i > 0; --i) waiting.Add(requests.AddAny(random, 4, 40), false);
    Selection selection;
    const auto seats = static_cast<std::uint32_t>(random.Between(1, 12));
    selection.Clear(seats);
    PendingRequest& first = requests.all().front();
    selection.TakeWaitingOf(first);
    const std::size_t chosen = selection.members().size();
    const std::uint32_t longest = selection.longest();
    std::vector<std::uint32_t> others;
    for (const PendingRequest& request : requests.all()) {
      for (const PendingSequence& sequence : request.sequences) {
        if (!sequence.selected) others.push_back(sequence.length);
      }
    }
    FillWithSequences(waiting.by_length(), selection, [](const PendingSequence&) { return true; });
    std::vector<std::uint32_t> riders = TakenLengths(selection);
    riders.erase(riders.begin(), riders.begin() + static_cast<std::ptrdiff_t>(chosen));
    EXPECT_EQ(riders, LongestUpTo(others, longest, seats - chosen)) << "round " << round;
    EXPECT_EQ(selection.longest(), longest) << "round " << round;
    EXPECT_EQ(selection.chosen(), chosen) << "round " << round;
    selection.Clear(seats);
    for (PendingRequest& request : requests.all()) waiting.Remove(request);
  }
}

TEST(FillWithSequences, TakesWhatPaysAndLooksNoFurtherAfterFourThatDoNot) {
  WaitingRequests requests;
  WaitingSequences waiting;
  for (std::uint32_t length = 100; length >= 30; length -= 10) waiting.Add(requests.Add({length}), false);
  Selection selection;
  selection.Clear(8);
  selection.TakeWaitingOf(requests.all().front());
  FillWithSequences(waiting.by_length(), selection,
                    [](const PendingSequence& sequence) { return sequence.length == 80 || sequence.length <= 40; });
  EXPECT_EQ(TakenLengths(selection), (std::vector<std::uint32_t>{100, 80}));  // 90, 70, 60 and 50 do not pay
  selection.Clear(8);
  for (PendingRequest& request : requests.all()) waiting.Remove(request);
}

// Again and again the longest request that fits; of equal ones that which needs more seats, and then the older one.
TEST(FillWithRequests, TakesWholeRequestsThatFitTheLongestFirst) {
  Random random(2);
  for (int round = 0; round < 500; ++round) {
    WaitingRequests requests;
    RequestClasses waiting(12);
    for (std::int64_t i = random.Between(1, 12); i > 0; --i) waiting.Add(requests.AddAny(random, 4, 12), false);
    Selection selection;
    const auto seats = static_cast<std::uint32_t>(random.Between(4, 12));
    selection.Clear(seats);
    selection.TakeWaitingOf(requests.all().front());
    const std::uint32_t longest = selection.longest();

    std::vector<const PendingRequest*> left;
    for (const PendingRequest& request : requests.all()) left.push_back(&request);
    left.erase(left.begin());
    std::vector<std::uint64_t> expected{1};
    std::uint32_t free = selection.free_seats();
    for (;;) {
      const auto best = std::min_element(left.begin(), left.end(), [&](const auto* a, const auto* b) {
        const auto rank = [&](const PendingRequest& request) {
          const bool fits = request.waiting <= free && request.longest_waiting <= longest;
          return std::tuple(!fits, -static_cast<int>(request.longest_waiting), -static_cast<int>(request.waiting),
                            request.id.number);
        };
        return rank(*a) < rank(*b);
      });
      if (best == left.end() || (*best)->waiting > free || (*best)->longest_waiting > longest) break;
      expected.push_back((*best)->id.number);
      free -= (*best)->waiting;
      left.erase(best);
    }

    FillWithRequests(waiting, selection);
    std::vector<std::uint64_t> taken;
    for (const PendingSequence* const sequence : selection.members()) {
      if (taken.empty() || taken.back() != sequence->request->id.number) taken.push_back(sequence->request->id.number);
    }
    EXPECT_EQ(taken, expected) << "round " << round;
    EXPECT_EQ(selection.longest(), longest) << "round " << round;
    selection.Clear(seats);
    for (PendingRequest& request : requests.all()) waiting.Remove(request);
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
