#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// 1000 characters cost 1 s, 100 cost 10 ms: at 0.1 s a second the long one is forgiven the difference in 9.9 s.
StrategyChoice Aging() { return {"sjf_aging", {{"age_rate", "0.1"}, {"max_wait_seconds", "0"}}}; }

TEST(SjfAging, TakesTheShorterWhileTheLongOneIsYoung) {
  Stage stage(Aging(), {}, 1);
  stage.Offer("a", {1000});
  stage.Wait(milliseconds(9800));
  stage.Offer("a", {100});
  EXPECT_EQ(stage.Serve(), "1.0 full");
}

TEST(SjfAging, TakesTheLongOneOnceItsWaitIsWorthTheDifference) {
  Stage stage(Aging(), {}, 1);
  stage.Offer("a", {1000});
  stage.Wait(milliseconds(10'000));
  stage.Offer("a", {100});
  EXPECT_EQ(stage.Serve(), "0.0 full");
}

TEST(SjfAging, PutsTheOldestFirstAfterMaxWait) {
  Stage stage({"sjf_aging", {{"age_rate", "0"}, {"max_wait_seconds", "30"}}}, {}, 1);
  stage.Offer("a", {1000});
  stage.Wait(seconds(29));
  stage.Offer("a", {100});
  stage.Offer("a", {200});
  EXPECT_EQ(stage.Serve(), "1.0 full");
  stage.Wait(seconds(1));
  EXPECT_EQ(stage.Serve(), "0.0 max_wait");
}

TEST(SjfAging, FillsFreeSeatsWithTheLongestThatAddNothing) {
  Stage stage({"sjf_aging", {{"age_rate", "1"}, {"max_wait_seconds", "0"}}}, {}, 3);
  stage.Offer("a", {300});
  stage.Wait(seconds(1));
  for (const std::uint32_t length : {50U, 200U, 301U, 100U}) stage.Offer("a", {length});
  EXPECT_EQ(stage.Serve(), "0.0 2.0 4.0 full");
  EXPECT_EQ(stage.Serve(), "1.0 slot_free");
}

}  // namespace
}  // namespace smartbatch::scheduling
