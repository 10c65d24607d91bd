#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

TEST(Fair, LetsEveryCustomerLeadInTurn) {
  Stage stage({"fair", {}}, {}, 1);
  for (const char* const customer : {"a", "a", "a", "b", "b", "c"}) stage.Offer(customer, {10});
  std::string order;
  for (int i = 0; i < 6; ++i) order += stage.Serve().substr(0, 1);
  EXPECT_EQ(order, "035142");
}

TEST(Fair, FillsFromItsOwnQueueFirstAndThenFromThoseThatFollow) {
  Stage stage({"fair", {}});
  stage.Offer("a", {10, 10});
  stage.Offer("b", {10});
  stage.Offer("a", {10});
  stage.Offer("c", {10, 10});
  stage.Offer("b", {10});
  // Both of a, then b up to where the batch is full: its second request takes the last seat, and c must wait.
  EXPECT_EQ(stage.Serve(), "0.0 0.1 2.0 1.0 4.0 full");
  EXPECT_EQ(stage.Serve(), "3.0 3.1 slot_free");
}

TEST(Fair, TakesOfEachCustomerNothingBehindARequestThatDoesNotFit) {
  Stage stage({"fair", {}});
  stage.Offer("a", {10, 10, 10});
  stage.Offer("a", {10, 10, 10});
  stage.Offer("a", {10});
  stage.Offer("b", {10, 10, 10});
  stage.Offer("c", {10});
  EXPECT_EQ(stage.Serve(), "0.0 0.1 0.2 4.0 slot_free");
}

TEST(Fair, PutsACustomerThatComesBackBehindTheOthers) {
  Stage stage({"fair", {}}, {}, 1);
  stage.Offer("a", {10});
  stage.Offer("b", {10});
  stage.Offer("b", {10});
  EXPECT_EQ(stage.Serve(), "0.0 full");
  stage.Offer("a", {10});
  EXPECT_EQ(stage.Serve(), "1.0 full");
  EXPECT_EQ(stage.Serve(), "3.0 full");
  EXPECT_EQ(stage.Serve(), "2.0 full");
}

TEST(Fair, CountsBatchesAndNotTheirCost) {
  Stage stage({"fair", {}}, {}, 1);
  for (int i = 0; i < 4; ++i) stage.Offer("cheap", {10});
  for (int i = 0; i < 4; ++i) stage.Offer("dear", {1000});
  for (int i = 0; i < 8; ++i) stage.Serve();
  EXPECT_DOUBLE_EQ(stage.Charged("dear") / stage.Charged("cheap"), 10'000);
}

TEST(Fair, LetsOthersHaveTheirTurnsBetweenTheBatchesOfALargeRequest) {
  Stage stage({"fair", {}}, {}, 2);
  stage.Offer("a", {10, 10, 10, 10, 10});
  stage.Offer("b", {10, 10});
  stage.Offer("b", {10, 10});
  EXPECT_EQ(stage.Serve(), "0.0 0.1 full");
  EXPECT_EQ(stage.Serve(), "1.0 1.1 full");
  EXPECT_EQ(stage.Serve(), "0.2 0.3 full");
  EXPECT_EQ(stage.Serve(), "2.0 2.1 full");
  EXPECT_EQ(stage.Serve(), "0.4 slot_free");
}

}  // namespace
}  // namespace smartbatch::scheduling
