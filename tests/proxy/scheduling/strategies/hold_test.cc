#include "services/proxy/scheduling/strategies/hold.h"

#include <gtest/gtest.h>

#include "tests/proxy/scheduling/strategies/waiting_requests.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Batches of 5 at c(L) = L^2 us: 1000 characters take a second.
class HoldTest : public testing::Test {
 protected:
  ~HoldTest() override { selection_.Clear(kSeats); }

  // What becomes of a batch of these, at that time: when it is asked again, or kNever if it leaves.
  Time Ask(Hold& hold, Time now, const std::vector<std::uint32_t>& lengths, bool all_that_waits = true,
           const CostModel& cost = {}) {
    selection_.Clear(kSeats);
    selection_.TakeWaitingOf(requests_.Add(lengths));
    hold.DispatchOrWait({now, kSeats, cost}, selection_, all_that_waits);
    return selection_.kind() == Selection::Kind::kWait ? selection_.ask_again_at() : kNever;
  }

  static constexpr std::uint32_t kSeats = 5;
  WaitingRequests requests_;
  Selection selection_;
};

TEST_F(HoldTest, HoldsABatchForItsShareOfTheCostFromTheFirstTimeOnAndNoLonger) {
  Hold hold(0.25);
  EXPECT_EQ(Ask(hold, Time(seconds(10)), {400}), Time(milliseconds(10'040)));  // 0.25 * 160 ms
  EXPECT_EQ(Ask(hold, Time(milliseconds(10'039)), {400}), Time(milliseconds(10'040)));
  EXPECT_EQ(Ask(hold, Time(milliseconds(10'040)), {400}), kNever);
  EXPECT_EQ(selection_.reason(), DispatchReason::kHold);
}

TEST_F(HoldTest, CountsFromTheFirstTimeThoughTheBatchGrows) {
  Hold hold(0.25);
  EXPECT_EQ(Ask(hold, Time(seconds(10)), {400}), Time(milliseconds(10'040)));
  EXPECT_EQ(Ask(hold, Time(milliseconds(10'030)), {800}), Time(milliseconds(10'160)));
  EXPECT_EQ(Ask(hold, Time(milliseconds(10'160)), {800, 20}), kNever);
}

TEST_F(HoldTest, LetsAFullBatchGo) {
  Hold hold(1);
  EXPECT_EQ(Ask(hold, Time(seconds(10)), {400, 1, 1, 1, 1}), kNever);
  EXPECT_EQ(selection_.reason(), DispatchReason::kFull);
}

TEST_F(HoldTest, LetsABatchGoThatLeavesSomethingBehind) {
  Hold hold(1);
  EXPECT_EQ(Ask(hold, Time(seconds(10)), {400}, /*all_that_waits=*/false), kNever);
  EXPECT_EQ(selection_.reason(), DispatchReason::kSlotFree);
}

TEST_F(HoldTest, LetsEveryBatchGoIfTheShareIsNone) {
  Hold hold(0);
  EXPECT_EQ(Ask(hold, Time(seconds(10)), {400}), kNever);
}

TEST_F(HoldTest, HoldsNothingForLongerThanASecondWhateverItIsBelievedToCost) {
  Hold hold(0.25);
  EXPECT_EQ(Ask(hold, Time(seconds(10)), {5000}), Time(seconds(10) + Hold::kLongest));  // 0.25 * 25 s
  EXPECT_EQ(Ask(hold, Time(seconds(10) + Hold::kLongest), {5000}), kNever);
}

TEST_F(HoldTest, CountsAnewOnceTheBatchHasLeftOrIsGone) {
  Hold hold(0.25);
  Ask(hold, Time(seconds(10)), {400});
  hold.Reset();
  EXPECT_EQ(Ask(hold, Time(seconds(20)), {400}), Time(milliseconds(20'040)));
  EXPECT_EQ(Ask(hold, Time(milliseconds(20'040)), {400}), kNever);
  EXPECT_EQ(Ask(hold, Time(seconds(30)), {400}), Time(milliseconds(30'040)));
}

// The claim of the class: the time that it adds is at most its share of the time that the batches take.
TEST_F(HoldTest, AddsAtMostItsShareToTheTimeOfTheBatches) {
  Random random(1);
  const double share = 0.3;
  Hold hold(share);
  double held_seconds = 0;
  double busy_seconds = 0;
  Time now(seconds(1));
  for (int batch = 0; batch < 2000; ++batch) {
    const auto any_length = [&] { return static_cast<std::uint32_t>(random.Between(1, 900)); };
    std::vector<std::uint32_t> lengths{any_length()};
    for (Time until = Ask(hold, now, lengths); until != kNever; until = Ask(hold, now, lengths)) {
      ASSERT_GT(until, now);
      Time next = until;
      if (random.Chance(0.5)) {  // somebody comes first
        next = now + (until - now) / 2;
        lengths.push_back(any_length());
      }
      held_seconds += ToSeconds(next - now);
      now = next;
    }
    busy_seconds += CostModel{}.Seconds(lengths.size(), selection_.longest());
  }
  EXPECT_GT(held_seconds, 0.1 * busy_seconds) << "too little was held to tell anything";
  EXPECT_LE(held_seconds, share * busy_seconds);
}

}  // namespace
}  // namespace smartbatch::scheduling
