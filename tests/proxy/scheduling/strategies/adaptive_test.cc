#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

TEST(Adaptive, FollowsDensityAtFirst) {
  Stage stage({"adaptive", {}});
  EXPECT_EQ(stage.scheduler().DecidingStrategy(), "density");
  stage.Offer("a", {1000});
  EXPECT_EQ(stage.Next(), "wait 10 ms");  // density's hold: 1 % of 1 s
  stage.Wait(std::chrono::milliseconds(10));
  EXPECT_EQ(stage.Serve(), "0.0 hold");
}

TEST(Adaptive, ChoosesAsTheOneThatItIsToldToFollow) {
  Stage stage({"adaptive", {}});
  stage.Offer("a", {10});
  stage.Offer("a", {1000});
  ASSERT_TRUE(stage.scheduler().Follow("sjf").ok());
  EXPECT_EQ(stage.scheduler().DecidingStrategy(), "sjf");
  // It knows the requests that waited before the switch.
  EXPECT_EQ(stage.Serve(), "0.0 1.0 slot_free");
}

TEST(Adaptive, FollowsNeitherItselfNorWhatThereIsNot) {
  Stage stage({"adaptive", {}});
  EXPECT_TRUE(absl::IsFailedPrecondition(stage.scheduler().Follow("adaptive")));
  EXPECT_TRUE(absl::IsFailedPrecondition(stage.scheduler().Follow("nope")));
  EXPECT_EQ(stage.scheduler().DecidingStrategy(), "density");
}

TEST(Adaptive, AloneCanBeToldToFollow) {
  Stage stage({"sjf", {}});
  EXPECT_TRUE(absl::IsFailedPrecondition(stage.scheduler().Follow("density")));
}

}  // namespace
}  // namespace smartbatch::scheduling
