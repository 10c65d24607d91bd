#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;

StrategyChoice WithoutLinger() { return {"fcfs", {{"linger_ms", "0"}}}; }

TEST(Fcfs, TakesTheOldestUpToTheFirstThatDoesNotFit) {
  Stage stage(WithoutLinger());
  stage.Offer("a", {500, 500});
  stage.Offer("b", {10});
  stage.Offer("a", {20, 20, 20});
  stage.Offer("b", {10});
  // The last one would fit, but does not overtake.
  EXPECT_EQ(stage.Serve(), "0.0 0.1 1.0 slot_free");
  EXPECT_EQ(stage.Serve(), "2.0 2.1 2.2 3.0 slot_free");
}

TEST(Fcfs, CutsARequestThatIsLargerThanABatchWhenItIsTheOldest) {
  Stage stage(WithoutLinger());
  stage.Offer("a", {10});
  stage.Offer("b", {20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20});
  stage.Offer("c", {10});
  EXPECT_EQ(stage.Serve(), "0.0 slot_free");
  EXPECT_EQ(stage.Serve(), "1.0 1.1 1.2 1.3 1.4 full");
  EXPECT_EQ(stage.Serve(), "1.5 1.6 1.7 1.8 1.9 full");
  EXPECT_EQ(stage.Serve(), "1.10 1.11 2.0 slot_free");
}

TEST(Fcfs, LingersForABatchWithFreeSeatsOnce) {
  Stage stage({"fcfs", {}});
  stage.Offer("a", {10});
  EXPECT_EQ(stage.Next(), "wait 50 ms");
  stage.Wait(milliseconds(20));
  stage.Offer("b", {10});
  // An arrival does not start the wait again.
  EXPECT_EQ(stage.Next(), "wait 30 ms");
  stage.Wait(milliseconds(30));
  EXPECT_EQ(stage.Serve(), "0.0 1.0 linger");
  stage.Offer("c", {10});
  EXPECT_EQ(stage.Next(), "wait 50 ms");
}

TEST(Fcfs, SendsAFullBatchAtOnce) {
  Stage stage({"fcfs", {}});
  stage.Offer("a", {10, 10, 10});
  EXPECT_EQ(stage.Next(), "wait 50 ms");
  stage.Offer("b", {10, 10});
  EXPECT_EQ(stage.Serve(), "0.0 0.1 0.2 1.0 1.1 full");
}

TEST(Fcfs, DoesNotLingerOnceTheNextRequestDoesNotFit) {
  Stage stage({"fcfs", {{"linger_ms", "10"}}});
  stage.Offer("a", {10, 10, 10});
  EXPECT_EQ(stage.Next(), "wait 10 ms");
  stage.Wait(milliseconds(4));
  stage.Offer("b", {10, 10, 10});
  // It stopped waiting early, and the free seats are of no use to those behind the one that does not fit.
  stage.Offer("b", {10});
  EXPECT_EQ(stage.Next(), "0.0 0.1 0.2 linger");
  EXPECT_EQ(stage.now(), Time(milliseconds(4)));
  stage.End();
  stage.Offer("c", {10, 10});
  EXPECT_EQ(stage.Serve(), "1.0 1.1 1.2 2.0 slot_free");
}

}  // namespace
}  // namespace smartbatch::scheduling
