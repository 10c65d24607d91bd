#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "common/random.h"
#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

StrategyChoice Density(std::map<std::string, std::string> parameters = {}) {
  parameters.try_emplace("hold", "0");
  return {"density", std::move(parameters)};
}

std::size_t Members(const std::string& batch) {
  return static_cast<std::size_t>(std::count(batch.begin(), batch.end(), '.'));
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

TEST(Density, SharesTheWeightOfARequestAmongWhatIsLeftOfIt) {
  Stage stage(Density({{"age_exponent", "0"}, {"lane_share", "0"}}), {}, 1);
  stage.Offer("a", {100, 100, 100});
  EXPECT_EQ(stage.Serve(), "0.0 full");
  // The two that are left weigh a half each, like those of a request of two, and are older.
  stage.Offer("b", {100, 100});
  EXPECT_EQ(stage.Serve(), "0.1 full");
}

// Its parts are remembered in the request, where another strategy keeps something else meanwhile.
TEST(Density, SharesTheWeightOfARequestAnewAfterAnotherStrategy) {
  const StrategyChoice density = Density({{"age_exponent", "0"}, {"lane_share", "0"}});
  Stage stage(density, {}, 1);
  stage.Offer("a", {100, 100});
  stage.Offer("b", {100});
  EXPECT_EQ(stage.Serve(), "1.0 full") << "looks at both";
  EXPECT_TRUE(stage.scheduler().SetStrategy({"sjf_aging", {}}).ok());
  EXPECT_TRUE(stage.scheduler().SetStrategy(density).ok());
  stage.Offer("c", {100});
  EXPECT_EQ(stage.Serve(), "2.0 full");
}

// After batches of 1,000 characters a decision looks at two requests of each class that none of them held.
Stage AfterLongBatches(const CostModel& cost, std::uint32_t max_batch_size) {
  Stage stage(Density({{"age_exponent", "0"}}), cost, max_batch_size);
  for (int i = 0; i < 40; ++i) {
    stage.Offer("before", {1000});
    EXPECT_EQ(Members(stage.Serve()), 1U);
  }
  return stage;
}

TEST(Density, LooksAtARequestBehindOneWhoseSequencesHaveItsLength) {
  Stage stage = AfterLongBatches({}, 2);
  stage.Offer("a", {100, 100, 100, 100, 100});
  stage.Offer("b", {100});
  EXPECT_EQ(stage.Serve(), "41.0 40.0 full");
}

TEST(Density, FillsFreeSeatsWithTheOldestOfAClassOfLength) {
  const CostModel free_seats[] = {{}, {.fixed = 1, .quadratic = 0, .per_sequence = 0.01, .knee = 100}};
  for (const CostModel& cost : free_seats) {
    Stage stage = AfterLongBatches(cost, 4);
    for (int i = 0; i < 6; ++i) stage.Offer("a", {100});
    EXPECT_EQ(stage.Serve(), "40.0 41.0 42.0 43.0 full");
  }
}

TEST(Density, SplitsARequestOnlyIfSeatsAreScarce) {
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

TEST(Density, KeepsRequestsWholeIfItIsToldTo) {
  Stage stage(Density({{"split", "false"}}));
  stage.Offer("a", {10, 500});
  stage.Offer("a", {500, 500, 500});
  stage.Offer("a", {10});
  EXPECT_EQ(stage.Serve(), "2.0 slot_free");
  EXPECT_EQ(stage.Serve(), "0.0 0.1 1.0 1.1 1.2 full");
}

TEST(Density, WeighsAPartOfARequestThatIsLargerThanABatchAgainstWholeOnes) {
  // No lane: only its own weight brings the large request to the backend.
  Stage stage(Density({{"split", "0"}, {"hold", "0"}, {"lane_share", "0"}}), {}, 2);
  stage.Offer("large", {100, 100, 100, 100, 100});
  stage.Offer("small", {100, 100});
  // Two fifths of a weight against a whole one of the same age.
  EXPECT_EQ(stage.Serve(), "1.0 1.1 full");
  int overtaken = 0;
  for (; overtaken < 100; ++overtaken) {
    stage.Offer("small", {100, 100});
    const std::string batch = stage.Serve();
    if (batch == "0.0 0.1 full") break;
    EXPECT_EQ(batch, std::to_string(overtaken + 2) + ".0 " + std::to_string(overtaken + 2) + ".1 full");
  }
  // Weights grow with the root of the age: with c = 10 ms and the age t of the large one, 2/5 (t + c)^0.5 > c^0.5 if t
  // is above 5.25 c. The first batch took one c of it.
  EXPECT_EQ(overtaken, 5);
}

TEST(Density, SavesForOneBatchOfALargeRequestAtATime) {
  // As GivesTheOldestItsLaneOnceWhatWentPastItHasPaid, twice, since it has two sequences in batches of one.
  Stage stage(Density({{"age_exponent", "0"}, {"lane_share", "0.5"}, {"lane_after_seconds", "1"}}), {}, 1);
  stage.Offer("old", {1000, 1000});
  stage.Wait(seconds(1));
  std::string order;
  for (int i = 0; i < 18; ++i) {
    stage.Offer("young", {500});
    const std::string batch = stage.Serve();
    if (batch.find("lane") != std::string::npos) order += std::to_string(i) + ": " + batch + ";";
  }
  EXPECT_EQ(order, "8: 0.0 lane;17: 0.1 lane;");
}

TEST(Density, HoldsABatchWithFreeSeatsForAPartOfItsCostAndNoLonger) {
  Stage stage({"density", {{"hold", "0.01"}}});
  stage.Offer("a", {1000});
  EXPECT_EQ(stage.Next(), "wait 10 ms");
  stage.Wait(milliseconds(4));
  stage.Offer("a", {900});
  stage.Offer("a", {1000});
  // The batch is formed anew at every arrival, and its time does not start again.
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
  // Half of the others' time is saved for the oldest once it is 1 s old; it needs 1 s.
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

// The credit for the oldest pays for its whole batch: it covers both sequences, and nobody whose seat costs rides
// along.
TEST(Density, SendsTheOldestAloneByTheLaneOnceAllOfItIsPaidForIfRidersCost) {
  for (const char* const split : {"0", "1"}) {
    Stage stage(Density({{"split", split}, {"age_exponent", "0"}, {"lane_share", "0.5"}, {"lane_after_seconds", "1"}}),
                {.quadratic = 0, .per_character = 1e-3}, 4);
    stage.Offer("old", {1000, 500});
    stage.Wait(seconds(1));
    // Short requests come all the time, and some always wait.
    for (int i = 0; i < 5; ++i) stage.Offer("young", {100});
    double others_seconds = 0;
    std::string batch;
    for (int batches = 0; batches < 100; ++batches) {
      const Time before = stage.now();
      batch = stage.Serve();
      if (batch.find("lane") != std::string::npos) break;
      others_seconds += ToSeconds(stage.now() - before);
      for (std::size_t gone = Members(batch); gone-- > 0;) stage.Offer("young", {100});
    }
    EXPECT_EQ(batch, "0.0 0.1 lane") << "split=" << split;
    // A batch of two sequences of 1,000 takes 2 s, which half of 4 s pays for; the others' batches take 0.1 to 0.4 s.
    EXPECT_GE(others_seconds, 4 - 1e-6) << "split=" << split;
    EXPECT_LE(others_seconds, 4.4 + 1e-6) << "split=" << split;
  }
}

TEST(Density, OpensTheLaneAfterANumberOfBatchesIfTheyAreShort) {
  // Batches of 1 ms: ten of them are 10 ms, long before the 10 s.
  Stage stage(Density({{"age_exponent", "0"}, {"lane_share", "0.5"}, {"lane_after_batches", "10"}}),
              {.fixed = 1e-3, .quadratic = 0, .per_character = 1e-8}, 1);
  stage.Offer("old", {250'000});
  int batches = 0;
  for (std::string batch; batch.find("lane") == std::string::npos && batches < 100; ++batches) {
    stage.Offer("young", {1});
    batch = stage.Serve();
  }
  // 10 ms, and then twice the 3.5 ms that the old one takes.
  EXPECT_NEAR(batches, 18, 2);
}

TEST(Density, HasNoLaneIfItsShareIsNone) {
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

TEST(Density, WeighsAHigherTierMoreIfItIsToldTo) {
  Stage stage(Density({{"age_exponent", "0"}, {"tier_ratio", "5"}}), {}, 1);
  stage.scheduler().ConfigureCustomer("low", {1, 1});
  stage.Offer("low", {100});
  stage.Offer("high", {200});
  // Four times the cost, and five times the weight.
  EXPECT_EQ(stage.Serve(), "1.0 full");
}

TEST(Density, DoesNotHoldABatchThatLeavesSomethingBehind) {
  Stage stage({"density", {{"hold", "0.5"}}});
  stage.Offer("a", {10});
  stage.Offer("a", {1000});
  EXPECT_EQ(stage.Serve(), "0.0 slot_free");
  EXPECT_EQ(stage.Next(), "wait 500 ms");
}

// --- If riders cost something ---

constexpr char kMean[] = "0";  // age_exponent: every request weighs the same

TEST(Density, ServesLikeTextsInBatchesOfAboutTheRootOfTheirNumber) {
  // 4 s for a batch and 1 s for each text in it: of N texts, batches of sqrt(2 N 4 / 1) have the least mean.
  const CostModel cost{.fixed = 4, .quadratic = 0, .per_sequence = 1};
  for (const int texts : {8, 32, 128}) {
    Stage stage(Density({{"age_exponent", kMean}}), cost, 200);
    for (int i = 0; i < texts; ++i) stage.Offer("a", {100});
    const double root = std::sqrt(2.0 * texts * 4);
    const auto first = static_cast<double>(Members(stage.Serve()));
    EXPECT_GE(first, 0.7 * root) << texts;
    EXPECT_LE(first, 1.4 * root) << texts;
  }
}

TEST(Density, SendsTextsOneByOneIfSharingSavesNothing) {
  Stage stage(Density(), {.quadratic = 0, .per_character = 1e-3}, 16);
  for (int i = 0; i < 10; ++i) stage.Offer("a", {100});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(stage.Serve(), std::to_string(i) + ".0 slot_free");
}

TEST(Density, TakesWhatCostsNothingBehindTheFixedPart) {
  // A hundred characters fit into the second that any batch takes.
  const CostModel cost{.fixed = 1, .quadratic = 0, .per_character = 1e-3, .knee = CostModel::kLargestKnee};
  Stage stage(Density({{"age_exponent", kMean}}), cost, 8);
  for (int i = 0; i < 8; ++i) stage.Offer("a", {100});
  EXPECT_EQ(Members(stage.Serve()), 8U);
}

TEST(Density, KeepsLongTextsApartFromShortOnesIfRidersArePaddedToThem) {
  const CostModel cost{.fixed = 0.05, .quadratic = 0, .per_character = 1e-4};
  Stage stage(Density({{"age_exponent", kMean}}), cost, 8);
  stage.Offer("a", {2000});
  for (int i = 0; i < 7; ++i) stage.Offer("a", {20});
  EXPECT_EQ(stage.Serve(), "1.0 2.0 3.0 4.0 5.0 6.0 7.0 slot_free");
  EXPECT_EQ(stage.Serve(), "0.0 slot_free");
}

TEST(Density, TakesARiderOnlyIfItSavesMoreThanItDelays) {
  // A seat beside 1,000 characters adds 0.1 s. A text of 1,000 would cost 0.125 s in a batch of four, so 25 ms are
  // saved for all that waits behind.
  const CostModel cost{.fixed = 0.1, .quadratic = 0, .per_character = 1e-4};
  Stage few(Density({{"age_exponent", kMean}}), cost, 4);
  for (int i = 0; i < 2; ++i) few.Offer("a", {1000});
  EXPECT_EQ(Members(few.Serve()), 1U);
  Stage many(Density({{"age_exponent", kMean}}), cost, 4);
  for (int i = 0; i < 200; ++i) many.Offer("a", {1000});
  EXPECT_EQ(many.Serve(), "0.0 1.0 2.0 3.0 full");
}

// The lengths of a batch's members, ascending; all requests have one text.
std::vector<std::uint32_t> LengthsOf(const std::string& batch, const std::vector<std::uint32_t>& lengths) {
  std::vector<std::uint32_t> members;
  for (std::size_t at = 0, dot = batch.find('.'); dot != std::string::npos; dot = batch.find('.', at)) {
    members.push_back(lengths[std::stoul(batch.substr(at, dot - at))]);
    at = batch.find(' ', dot) + 1;
  }
  std::sort(members.begin(), members.end());
  return members;
}

// How many seconds the batch costs more than its best split into shorter and longer ones; below 0 if it costs less.
double SavedBySplitting(const std::vector<std::uint32_t>& lengths, const CostModel& cost) {
  double least = HUGE_VAL;
  for (std::size_t first = 1; first < lengths.size(); ++first) {
    least =
        std::min(least, cost.Seconds(first, lengths[first - 1]) + cost.Seconds(lengths.size() - first, lengths.back()));
  }
  return cost.Seconds(lengths.size(), lengths.back()) - least;
}

TEST(Density, NeverSendsABatchThatCostsMoreThanItsBestSplitInTwo) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    const CostModel costs[] = {*FindCostProfile("cpu"), *FindCostProfile("gpu"), {5e-3, 1e-8, 1e-3, 1e-5, 1e-9}};
    const CostModel& cost = costs[round % 3];
    Stage stage(Density(), cost, static_cast<std::uint32_t>(random.Between(2, 32)));
    std::vector<std::uint32_t> lengths;
    for (std::int64_t i = random.Between(2, 60); i > 0; --i) {
      lengths.push_back(static_cast<std::uint32_t>(std::clamp(random.Lognormal(100, 1), 1.0, 2000.0)));
      stage.Offer("a", {lengths.back()});
      stage.Wait(std::chrono::microseconds(random.Between(0, 2000)));
    }
    for (std::size_t left = lengths.size(); left > 0;) {
      const std::vector<std::uint32_t> batch = LengthsOf(stage.Serve(), lengths);
      ASSERT_FALSE(batch.empty());
      left -= batch.size();
      ASSERT_LE(SavedBySplitting(batch, cost), 1e-9) << "round " << round;
    }
  }
}

// The control: filling the seats with the next shortest costs padding.
TEST(Sjf, SendsBatchesThatCostMoreThanTheirBestSplitInTwo) {
  const CostModel cost = *FindCostProfile("cpu");
  Stage stage({"sjf", {}}, cost, 8);
  const std::vector<std::uint32_t> lengths{10, 20, 500, 1000};
  for (const std::uint32_t length : lengths) stage.Offer("a", {length});
  EXPECT_GT(SavedBySplitting(LengthsOf(stage.Serve(), lengths), cost), 0.1);
}

}  // namespace
}  // namespace smartbatch::scheduling
