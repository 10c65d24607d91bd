#include "tests/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

StrategyChoice Density(std::map<std::string, std::string> parameters = {}) {
  parameters.try_emplace("hold", "0");
  return {"density", std::move(parameters)};
}

TEST(Density, KeepsShortRequestsOutOfALongBatch) {
  Stage stage(Density());
  stage.Offer("a", {1000});
  stage.Offer("a", {10});
  EXPECT_EQ(stage.Serve(), "1.0 slot_free");
  EXPECT_EQ(stage.Serve(), "0.0 slot_free");
}

TEST(Density, FillsFreeSeatsWithTheLongestThatRideFreeAndNothingLonger) {
  Stage stage(Density({{"age_exponent", "0"}}), {}, 3);
  // Two of 100 are worth 10 ms together; then the third seat is free for 99, and not for 120.
  for (const std::uint32_t length : {100U, 120U, 100U, 99U}) stage.Offer("a", {length});
  EXPECT_EQ(stage.Serve(), "0.0 2.0 3.0 full");
  EXPECT_EQ(stage.Serve(), "1.0 slot_free");
}

TEST(Density, SplitsARequestOnlyWhereSeatsAreScarce) {
  Stage stage(Density());
  stage.Offer("a", {10, 500});
  stage.Offer("a", {500, 500, 500});
  // All five fit into one batch.
  EXPECT_EQ(stage.Serve(), "0.0 0.1 1.0 1.1 1.2 full");
  stage.Offer("a", {10, 500});
  stage.Offer("a", {500, 500, 500});
  stage.Offer("a", {10});
  // Six do not: the short part of the first need not wait for the long one.
  EXPECT_EQ(stage.Serve(), "4.0 2.0 slot_free");
  EXPECT_EQ(stage.Serve(), "2.1 3.0 3.1 3.2 slot_free");
}

TEST(Density, KeepsRequestsWholeWhereItIsTold) {
  Stage stage(Density({{"split", "false"}}));
  stage.Offer("a", {10, 500});
  stage.Offer("a", {500, 500, 500});
  stage.Offer("a", {10});
  EXPECT_EQ(stage.Serve(), "2.0 slot_free");
  EXPECT_EQ(stage.Serve(), "0.0 0.1 1.0 1.1 1.2 full");
}

TEST(Density, HoldsABatchWithFreeSeatsForAPartOfItsCostAndNoLonger) {
  Stage stage({"density", {{"hold", "0.01"}}});
  stage.Offer("a", {1000});
  EXPECT_EQ(stage.Next(), "wait 10 ms");
  stage.Wait(milliseconds(4));
  stage.Offer("a", {900});
  stage.Offer("a", {1000});
  // It is formed anew at every arrival, and its time goes on.
  EXPECT_EQ(stage.Next(), "wait 6 ms");
  stage.Wait(milliseconds(6));
  EXPECT_EQ(stage.Serve(), "1.0 0.0 2.0 hold");
}

TEST(Density, SendsAFullBatchWithoutHolding) {
  Stage stage({"density", {{"hold", "0.5"}}});
  stage.Offer("a", {1000, 1000, 1000, 1000, 1000});
  EXPECT_EQ(stage.Serve(), "0.0 0.1 0.2 0.3 0.4 full");
}

TEST(Density, GivesTheOldestItsLaneOnceWhatWentPastItHasPaid) {
  // Half of what others take is saved once the oldest is 1 s old; it needs 1 s.
  Stage stage(Density({{"age_exponent", "0"}, {"lane_share", "0.5"}, {"lane_after_seconds", "1"}}), {}, 1);
  stage.Offer("old", {1000});
  stage.Wait(seconds(1));
  std::string order;
  for (int i = 0; i < 12; ++i) {
    stage.Offer("young", {500});  // 0.25 s each
    order += stage.Serve() + ";";
    if (order.find("lane") != std::string::npos) break;
  }
  // Eight times a quarter of a second past it save the second that it needs.
  EXPECT_EQ(order, "1.0 full;2.0 full;3.0 full;4.0 full;5.0 full;6.0 full;7.0 full;8.0 full;0.0 lane;");
}

TEST(Density, HasNoLaneWhereItsShareIsNone) {
  Stage stage(Density({{"age_exponent", "0"}, {"lane_share", "0"}, {"lane_after_seconds", "0"}}), {}, 1);
  stage.Offer("old", {1000});
  for (int i = 0; i < 100; ++i) {
    stage.Offer("young", {500});
    EXPECT_EQ(stage.Serve(), std::to_string(i + 1) + ".0 full");
  }
}

TEST(Density, LetsAgeOutweighLengthInTime) {
  Stage stage(Density({{"age_exponent", "1"}, {"lane_share", "0"}}), {}, 1);
  stage.Offer("a", {200});
  stage.Wait(seconds(1));
  stage.Offer("a", {100});
  // (1 s + 40 ms) / 40 ms against 10 ms / 10 ms.
  EXPECT_EQ(stage.Serve(), "0.0 full");
}

TEST(Density, WeighsAHigherTierMoreWhereItIsTold) {
  Stage stage(Density({{"age_exponent", "0"}, {"tier_ratio", "5"}}), {}, 1);
  stage.scheduler().ConfigureCustomer("low", {1, 1});
  stage.Offer("low", {100});
  stage.Offer("high", {200});
  // Four times the cost, and five times the weight.
  EXPECT_EQ(stage.Serve(), "1.0 full");
}

TEST(Density, TakesARiderOnlyWhereItsSeatIsWorthWhatItCosts) {
  // A seat beside 1000 characters costs 100 ms.
  const CostModel cost{0, 1e-6, 0, 1e-4};
  Stage stage(Density({{"age_exponent", "0"}}), cost, 4);
  stage.Offer("a", {1000, 10});
  stage.Offer("a", {1000});
  stage.Offer("a", {3000, 900});
  // Neither 900 nor 10 weighs enough by itself. But 900 would cost 900 ms alone, and 10 would cost 1 ms.
  EXPECT_EQ(stage.Serve(), "1.0 0.0 2.1 slot_free");
  EXPECT_EQ(stage.Serve(), "0.1 slot_free");
}

}  // namespace
}  // namespace smartbatch::scheduling
