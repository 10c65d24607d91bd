#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::seconds;

StrategyChoice Weighted(const std::string& window_seconds) {
  return {"weighted_fair", {{"window_seconds", window_seconds}, {"hold", "0"}}};
}

TEST(WeightedFair, ChoosesByDensityInsideTheWindow) {
  Stage stage(Weighted("10"), {}, 1);
  stage.Offer("long", {1000});
  for (int i = 0; i < 3; ++i) stage.Offer("short", {100});
  std::string order;
  for (int i = 0; i < 4; ++i) order += stage.Serve().substr(0, 1);
  EXPECT_EQ(order, "1230");
}

TEST(WeightedFair, PassesOverACustomerThatIsAheadByMoreThanTheWindow) {
  // Each short request costs 10 ms: after two of them the customer is 20 ms ahead.
  Stage stage(Weighted("0.015"), {}, 1);
  stage.Offer("long", {300});
  for (int i = 0; i < 4; ++i) stage.Offer("short", {100});
  EXPECT_EQ(stage.Serve(), "1.0 full");
  EXPECT_EQ(stage.Serve(), "2.0 full");
  EXPECT_EQ(stage.Serve(), "0.0 full");
}

TEST(WeightedFair, LetsWhoeverIsAheadRideFreeAndUncharged) {
  Stage stage(Weighted("0.015"), {}, 2);
  stage.Offer("ahead", {200});
  EXPECT_EQ(stage.Serve(), "0.0 slot_free");
  EXPECT_DOUBLE_EQ(stage.Charged("ahead"), 40e-3);
  stage.Offer("behind", {300});
  stage.Offer("ahead", {250});
  EXPECT_EQ(stage.Serve(), "1.0 2.0 full");
  EXPECT_DOUBLE_EQ(stage.Charged("behind"), 90e-3);
  EXPECT_DOUBLE_EQ(stage.Charged("ahead"), 40e-3);
}

// A seat that costs something would be charged, and the customer would get further ahead.
TEST(WeightedFair, LetsWhoeverIsAheadTakeNoSeatThatCosts) {
  const CostModel mostly_fixed{.fixed = 0.1, .quadratic = 0, .per_character = 1e-5};
  for (const bool within_window : {true, false}) {
    Stage stage(Weighted(within_window ? "10" : "0.015"), mostly_fixed, 3);
    stage.Offer("ahead", {200});
    EXPECT_EQ(stage.Serve(), "0.0 slot_free");
    stage.Offer("behind", {300});
    stage.Offer("ahead", {250});
    const std::string batch = stage.Serve();
    EXPECT_EQ(batch, within_window ? "1.0 2.0 slot_free" : "1.0 slot_free");
  }
}

// Four long requests together are worth more a second than the short ones, and one of them is not.
TEST(WeightedFair, SeesSeveralOldRequestsOfACustomerBehindManyShortOnes) {
  Stage stage(Weighted("10"));
  for (int i = 0; i < 4; ++i) stage.Offer("one", {1000});
  stage.Wait(seconds(300));
  for (int i = 0; i < 20; ++i) stage.Offer("one", {100});
  // The long ones weigh (300 + 1)^0.5 = 17.3 each and take 1 s; short ones weigh 0.01^0.5 = 0.1, and five take 10 ms.
  EXPECT_EQ(stage.Serve(), "0.0 1.0 2.0 3.0 4.0 full");
}

TEST(WeightedFair, SplitsTheCostOfABatchAsInTheAirportGame) {
  Stage stage(Weighted("10"), {}, 2);
  stage.Offer("a", {100});
  stage.Offer("b", {110});
  EXPECT_EQ(stage.Serve(), "0.0 1.0 full");
  // 10 ms are shared, and the 2.1 ms beyond are b's.
  EXPECT_NEAR(stage.Charged("a"), 5e-3, 1e-12);
  EXPECT_NEAR(stage.Charged("b"), 5e-3 + 2.1e-3, 1e-12);
}

TEST(WeightedFair, GivesCustomersTimeInProportionToTheirWeights) {
  Stage stage(Weighted("0"), {}, 1);
  stage.scheduler().ConfigureCustomer("gold", {3, 0});
  for (int i = 0; i < 200; ++i) {
    stage.Offer("gold", {100});
    stage.Offer("plain", {100});
  }
  for (int i = 0; i < 200; ++i) stage.Serve();
  EXPECT_NEAR(stage.Charged("gold") / stage.Charged("plain"), 3, 0.1);
}

TEST(WeightedFair, SavesNothingUpForACustomerThatWasIdle) {
  Stage stage(Weighted("0"), {}, 1);
  stage.Offer("late", {100});
  stage.Serve();
  for (int i = 0; i < 40; ++i) stage.Offer("steady", {100});
  for (int i = 0; i < 20; ++i) stage.Serve();
  for (int i = 0; i < 10; ++i) stage.Offer("late", {100});
  int late = 0;
  for (int i = 0; i < 10; ++i) late += std::stoi(stage.Serve()) > 40 ? 1 : 0;
  EXPECT_EQ(late, 5);
}

// The hog is served for 100 ms while a request of 12.1 ms waits: 87.9 ms of lag are left when it has gone.
TEST(WeightedFair, PutsACustomerThatComesBackSoonWhereItWasBehindTheOthers) {
  for (const bool keeps : {true, false}) {
    Stage stage({"weighted_fair", {{"hold", "0"}, {"keep_lag_seconds", keeps ? "5" : "0"}}}, {}, 1);
    for (int i = 0; i < 10; ++i) stage.Offer("hog", {100});
    stage.Offer("one", {110});
    for (int i = 0; i < 10; ++i) stage.Serve();
    stage.Offer("hog", {100});
    EXPECT_EQ(stage.Serve(), "10.0 full");
    stage.Offer("one", {100});
    EXPECT_NEAR(stage.Counter("hog") - stage.Counter("one"), keeps ? 0.1 - 0.0121 : 0, 1e-9);
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
