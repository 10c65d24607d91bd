#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

TEST(Sjf, TakesTheShortestByTheirLongestSequenceUpToTheFirstThatDoesNotFit) {
  Stage stage({"sjf", {}});
  stage.Offer("a", {10, 400});
  stage.Offer("a", {50, 50, 50, 50});
  stage.Offer("a", {20});
  stage.Offer("a", {60});
  // 60 would be next, but does not fit any more; 400 must not go either.
  EXPECT_EQ(stage.Serve(), "2.0 1.0 1.1 1.2 1.3 full");
  EXPECT_EQ(stage.Serve(), "3.0 0.0 0.1 slot_free");
}

TEST(Sjf, StopsAtARequestThatDoesNotFitAlthoughALongerOneWould) {
  Stage stage({"sjf", {}});
  stage.Offer("a", {10, 10, 10});
  stage.Offer("a", {20, 20, 20});
  stage.Offer("a", {30});
  EXPECT_EQ(stage.Serve(), "0.0 0.1 0.2 slot_free");
}

TEST(Sjf, BreaksTiesByArrival) {
  Stage stage({"sjf", {}}, {}, 1);
  for (int i = 0; i < 3; ++i) stage.Offer("a", {10});
  EXPECT_EQ(stage.Serve(), "0.0 full");
  EXPECT_EQ(stage.Serve(), "1.0 full");
  EXPECT_EQ(stage.Serve(), "2.0 full");
}

TEST(Sjf, SendsAShortRequestAlongWithAFarLongerOne) {
  Stage stage({"sjf", {}});
  stage.Offer("a", {10});
  stage.Offer("a", {1000});
  EXPECT_EQ(stage.Serve(), "0.0 1.0 slot_free");
}

}  // namespace
}  // namespace smartbatch::scheduling
