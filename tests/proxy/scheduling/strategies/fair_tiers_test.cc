#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

// How many of 100 batches of one were of the low tier while both tiers always have something waiting.
int BatchesOfLowTier(const StrategyChoice& strategy) {
  Stage stage(strategy, {}, 1);
  stage.scheduler().ConfigureCustomer("high", {1, 0});
  stage.scheduler().ConfigureCustomer("low", {1, 1});
  for (int i = 0; i < 100; ++i) {
    stage.Offer("high", {100});
    stage.Offer("low", {100});
  }
  int low = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string text = stage.Serve();
    low += std::stoi(text) % 2;
  }
  return low;
}

TEST(FairTiers, SharesTheBackendByTierRatio) {
  EXPECT_NEAR(BatchesOfLowTier({"fair_tiers", {{"tier_ratio", "4"}, {"floor", "0"}}}), 20, 1);
  EXPECT_NEAR(BatchesOfLowTier({"fair_tiers", {{"tier_ratio", "1"}, {"floor", "0"}}}), 50, 1);
}

TEST(FairTiers, LeavesALowTierItsFloor) {
  // Without it the low tier would get 1 in 101.
  EXPECT_LE(BatchesOfLowTier({"fair_tiers", {{"tier_ratio", "100"}, {"floor", "0"}}}), 2);
  EXPECT_NEAR(BatchesOfLowTier({"fair_tiers", {{"tier_ratio", "100"}, {"floor", "0.1"}}}), 10, 2);
}

TEST(FairTiers, GoesRoundTheCustomersOfATier) {
  Stage stage({"fair_tiers", {}}, {}, 1);
  for (const char* const customer : {"a", "a", "a", "b", "b", "c"}) stage.Offer(customer, {10});
  std::string order;
  for (int i = 0; i < 6; ++i) order += stage.Serve().substr(0, 1);
  EXPECT_EQ(order, "035142");
}

TEST(FairTiers, LetsALowerTierRideFreeButAddNothing) {
  Stage stage({"fair_tiers", {}});
  stage.scheduler().ConfigureCustomer("low", {1, 3});
  stage.Offer("high", {100});
  stage.Offer("low", {80});
  stage.Offer("low", {101});
  EXPECT_EQ(stage.Serve(), "0.0 1.0 slot_free");
}

TEST(FairTiers, GivesAnIdleTierNoCredit) {
  Stage stage({"fair_tiers", {{"tier_ratio", "1"}, {"floor", "0"}}}, {}, 1);
  stage.scheduler().ConfigureCustomer("low", {1, 1});
  for (int i = 0; i < 20; ++i) stage.Offer("high", {100});
  for (int i = 0; i < 10; ++i) stage.Serve();
  // The low tier was idle for ten batches, and must not make up for them now.
  for (int i = 0; i < 10; ++i) stage.Offer("low", {100});
  int low = 0;
  for (int i = 0; i < 6; ++i) low += std::stoi(stage.Serve()) >= 20 ? 1 : 0;
  EXPECT_EQ(low, 3);
}

}  // namespace
}  // namespace smartbatch::scheduling
