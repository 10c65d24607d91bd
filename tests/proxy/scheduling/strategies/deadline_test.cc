#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"
#include "services/proxy/scheduling/strategies/urgency_choice.h"
#include "tests/proxy/scheduling/strategies/stage.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Every rider costs as much as the longest: 10 ms, and 0.1 ms for each sequence and character.
constexpr CostModel kRidersCost = {0.01, 0, 0, 1e-4};
const StrategyChoice kDrop = {"deadline", {}};
const StrategyChoice kServe = {"deadline", {{"drop", "false"}}};

TEST(Deadline, LetsAShortRequestThatHasTimeWaitForOneThatHasNone) {
  Stage stage(kServe, {}, 1);
  stage.Offer("a", {100}, seconds(20));
  stage.Offer("a", {200}, milliseconds(45));
  EXPECT_EQ(stage.Serve(), "1.0 full");
  EXPECT_EQ(stage.Serve(), "0.0 full");
}

// The long one is due first; served first, as by its deadline, it would make four late.
TEST(Deadline, GivesUpOneLongRequestForSeveralShortOnes) {
  Stage stage(kServe, {}, 1);
  stage.Offer("a", {1000}, milliseconds(1000));
  for (int i = 0; i < 4; ++i) stage.Offer("a", {500}, milliseconds(1050));
  for (const char* const served : {"1.0 full", "2.0 full", "3.0 full", "4.0 full", "0.0 full"}) {
    EXPECT_EQ(stage.Serve(), served);
  }
}

TEST(Deadline, GivesNoRequestCompanyThatWouldMakeItLate) {
  // Alone 20 ms, two of them 30 ms.
  const auto first_batch = [](milliseconds due_in) {
    Stage stage(kServe, kRidersCost, 5);
    stage.Offer("a", {100}, due_in);
    stage.Offer("a", {100}, milliseconds(31));
    return stage.Serve();
  };
  EXPECT_EQ(first_batch(milliseconds(31)), "0.0 1.0 slot_free");
  EXPECT_EQ(first_batch(milliseconds(29)), "0.0 slot_free");
}

TEST(Deadline, ServesWhatIsLateOnceNothingElseIsThere) {
  Stage stage({"deadline", {{"drop", "false"}, {"lane_share", "0"}}}, kRidersCost, 1);
  stage.Offer("late", {100}, milliseconds(5));
  stage.Offer("in-time", {900}, seconds(1));
  stage.Offer("in-time", {900}, seconds(1));
  EXPECT_EQ(stage.Serve(), "1.0 full");
  EXPECT_EQ(stage.Serve(), "2.0 full");
  EXPECT_EQ(stage.Serve(), "0.0 full");
}

// A request is in time only once its last sequence is: served one of two, it has gained nothing.
TEST(Deadline, CountsASequenceAsItsPartOfTheRequest) {
  Stage stage(kServe, {}, 1);
  stage.Offer("a", {300, 300}, seconds(1));
  stage.Offer("a", {400}, seconds(1));
  // Half of an answer for 90 ms, or a whole one for 160 ms.
  EXPECT_EQ(stage.Serve(), "1.0 full");
  EXPECT_EQ(stage.Serve(), "0.0 full");
}

// The credit of the lane pays for all of the oldest late request, and nobody whose seat costs rides along.
TEST(Deadline, SendsTheOldestLateRequestAloneByTheLaneOnceAllOfItIsPaidForIfRidersCost) {
  Stage stage({"deadline", {{"drop", "false"}, {"lane_share", "0.5"}, {"lane_after_seconds", "1"}}},
              {.quadratic = 0, .per_character = 1e-3}, 4);
  stage.Offer("late", {1000, 500}, milliseconds(10));
  stage.Offer("late", {100}, milliseconds(10));
  stage.Wait(seconds(1));
  double others_seconds = 0;
  std::string batch;
  for (int batches = 0; batches < 100; ++batches) {
    stage.Offer("in-time", {100}, seconds(1));
    const Time before = stage.now();
    batch = stage.Serve();
    if (batch.find("lane") != std::string::npos) break;
    EXPECT_EQ(std::count(batch.begin(), batch.end(), '.'), 1) << batch;
    others_seconds += ToSeconds(stage.now() - before);
  }
  EXPECT_EQ(batch, "0.0 0.1 lane");
  // It takes 2 s, which half of 4 s pays for.
  EXPECT_NEAR(others_seconds, 4, 0.1 + 1e-6);
}

TEST(Deadline, FillsSeatsThatCostNothingWithWhatIsLate) {
  Stage stage(kServe, {}, 3);
  for (const std::uint32_t length : {100U, 400U, 200U}) stage.Offer("late", {length}, Duration(1));
  stage.Offer("in-time", {300}, seconds(1));
  EXPECT_EQ(stage.Serve(), "3.0 0.0 2.0 full");
  EXPECT_EQ(stage.Serve(), "1.0 slot_free");
}

TEST(Deadline, ServesWhatIsDueAtNoTimeAsDensityDoes) {
  Stage stage(kDrop, {}, 1);
  for (const std::uint32_t length : {300U, 100U, 200U}) stage.Offer("a", {length});
  EXPECT_EQ(stage.Serve(), "1.0 full");
  EXPECT_EQ(stage.Serve(), "2.0 full");
  EXPECT_EQ(stage.Serve(), "0.0 full");
}

TEST(Deadline, GoesByTheObjectiveOfTheCustomerIfACallHasNoDeadline) {
  Stage stage(kServe, {}, 1);
  CustomerPolicy hurried;
  hurried.latency_objective = milliseconds(100);
  stage.scheduler().ConfigureCustomer("hurried", hurried);
  CustomerPolicy patient;
  patient.latency_objective = seconds(20);
  stage.scheduler().ConfigureCustomer("patient", patient);
  stage.Offer("patient", {100});
  stage.Offer("hurried", {300});
  EXPECT_EQ(stage.Serve(), "1.0 full");
  // A deadline of the call's own comes first.
  stage.Offer("hurried", {300}, seconds(20));
  stage.Offer("patient", {250}, milliseconds(70));
  EXPECT_EQ(stage.Serve(), "3.0 full");
}

// A stage that has served enough batches to know the cost.
Stage Learned(const StrategyChoice& strategy) {
  Stage stage(strategy, kRidersCost, 5, /*learn_costs=*/true);
  for (int i = 0; i < 100; ++i) {
    stage.Offer("a", {static_cast<std::uint32_t>(50 + 9 * (i % 20))}, seconds(10));
    stage.Serve();
  }
  return stage;
}

TEST(Deadline, GivesUpWhatCannotBeInTimeAnyMoreAtThatMomentAndNotBefore) {
  Stage stage = Learned(kDrop);
  stage.Offer("a", {200}, seconds(10));
  EXPECT_EQ(stage.Next(), "100.0 slot_free");
  stage.Offer("a", {100}, milliseconds(50));  // 20 ms by itself
  const Time hopeless = stage.scheduler().NextTick(stage.now());
  EXPECT_NEAR(ToMilliseconds(hopeless - stage.now()), 30, 0.5);
  stage.Wait(hopeless - stage.now() - milliseconds(1));
  EXPECT_EQ(stage.Tick(), "");
  stage.Wait(milliseconds(1));
  EXPECT_EQ(stage.Tick(), "101 hopeless");
}

TEST(Deadline, GivesUpAllOfARequestOfSeveralSequences) {
  Stage stage = Learned(kDrop);
  stage.Offer("a", {220, 150, 150}, milliseconds(75));
  EXPECT_EQ(stage.Next(), "100.1 100.2 slot_free");  // they take 40 ms, and the long one 32 ms
  stage.Wait(milliseconds(42));
  EXPECT_EQ(stage.Tick(), "");
  stage.Wait(milliseconds(2));
  EXPECT_EQ(stage.Tick(), "100 hopeless");
  EXPECT_EQ(stage.scheduler().pending().unfinished_requests(), 0U);
}

TEST(Deadline, EndsNothingWhileItsCostIsOnlyBelieved) {
  Stage stage(kDrop, {10, 0, 0, 0}, 1, /*learn_costs=*/true);  // 10 s a batch, says the configuration
  for (int i = 0; i < 3; ++i) stage.Offer("a", {100}, seconds(2));
  EXPECT_EQ(stage.Tick(), "");
  for (const char* const served : {"0.0 full", "1.0 full", "2.0 full"}) {
    EXPECT_EQ(stage.Next(), served);
    stage.End(milliseconds(20));
  }
}

// A backend that was slow for a while and is fast again is found out, although by the known cost everything is
// hopeless.
TEST(Deadline, AsksAgainEverySecondWhetherCostsAreStillWhatTheyWere) {
  Stage stage = Learned(kDrop);
  stage.Wait(seconds(2));
  CustomerPolicy hurried;
  hurried.latency_objective = milliseconds(10);
  stage.scheduler().ConfigureCustomer("a", hurried);
  stage.Offer("a", {100});
  stage.Offer("a", {100});
  EXPECT_EQ(stage.Tick(), "") << "no batch has left for two seconds";
  EXPECT_EQ(stage.Next(), "100.0 101.0 slot_free");
  stage.Offer("a", {100});
  EXPECT_EQ(stage.Tick(), "102 hopeless");
}

TEST(Deadline, TakesOverWhatAnotherStrategyHadSentAndIsDueAtNoTime) {
  Stage stage({"sjf", {}});
  stage.Offer("a", {100});
  EXPECT_EQ(stage.Next(), "0.0 slot_free");
  ASSERT_TRUE(stage.scheduler().SetStrategy(kDrop).ok());
  Effects effects;
  stage.scheduler().Complete(1, absl::ResourceExhaustedError("busy"), stage.now(), effects);
  EXPECT_EQ(stage.scheduler().NextTick(stage.now()), kNever);
  stage.Wait(seconds(1));
  EXPECT_EQ(stage.Next(), "0.0 slot_free");
}

// --- The choice, against its definition ---

struct Waiting {
  std::deque<PendingRequest> requests;
  DueClasses classes{1.25};
};

struct Item {
  std::uint32_t length = 0;
  double left = 0;
  double urgency = 0;
};

double IndexOf(const std::vector<Item>& members, const CostModel& cost, std::uint32_t seats, double eta) {
  std::uint32_t longest = 0;
  double urgency = 0;
  double least = 0;
  for (const Item& item : members) {
    longest = std::max(longest, item.length);
    urgency += item.urgency;
    least += cost.Packed(item.length, seats);
  }
  const double takes = cost.Seconds(members.size(), longest);
  return urgency / takes * std::pow(std::min(1.0, least / takes), eta);
}

// The greatest index over every longest length and every number of members, each batch formed by the definition.
double GreatestIndex(const std::vector<Item>& items, const CostModel& cost, std::uint32_t seats, double eta) {
  double greatest = 0;
  for (const Item& longest : items) {
    for (std::uint32_t count = 1; count <= seats; ++count) {
      const double takes = cost.Seconds(count, longest.length);
      std::vector<Item> members;
      for (const Item& item : items) {
        if (item.length <= longest.length) members.push_back(item);
      }
      std::sort(members.begin(), members.end(), [](const Item& a, const Item& b) { return a.urgency > b.urgency; });
      members.resize(std::min<std::size_t>(members.size(), seats));
      std::erase_if(members, [takes](const Item& item) { return item.left < takes; });
      if (members.size() < count) continue;
      members.resize(count);
      const bool holds_longest =
          std::any_of(members.begin(), members.end(), [&](const Item& item) { return item.length == longest.length; });
      if (holds_longest) greatest = std::max(greatest, IndexOf(members, cost, seats, eta));
    }
  }
  return greatest;
}

TEST(UrgencyChoice, TakesTheBatchOfTheGreatestIndexThatEndsInTimeForAllOfIt) {
  Random random(1);
  int several = 0;
  for (int round = 0; round < 3000; ++round) {
    const CostModel costs[] = {{0, 1e-6, 0, 0}, kRidersCost, {0.005, 0, 0, 1.1e-5, 2.4e-9, 3}, {0.005, 0, 0, 1e-5}};
    const CostModel& cost = costs[round % 4];
    const auto seats = static_cast<std::uint32_t>(random.Between(1, 8));
    Waiting waiting;
    std::vector<Item> items;
    double backlog = 0;
    const auto count = random.Between(1, 8);
    for (std::int64_t i = 0; i < count; ++i) {
      PendingRequest& request = waiting.requests.emplace_back();
      const auto length = static_cast<std::uint32_t>(random.Between(1, 6) * random.Between(1, 100));
      request.id.number = static_cast<std::uint64_t>(i + 1);
      request.waiting = 1;
      request.longest_waiting = length;
      request.due = Time(FromSeconds(cost.Alone(length) * (0.8 + 4 * random.Uniform())));
      request.sequences.resize(1);
      request.sequences[0].request = &request;
      request.sequences[0].length = length;
      waiting.classes.Add(request);
      items.push_back({length, ToSeconds(request.due.time_since_epoch()), 0});
    }
    // By the mean length of each class, as in the choice.
    for (const DueClasses::Class& each : waiting.classes.classes()) {
      if (each.empty()) continue;
      backlog += static_cast<double>(each.waiting.size()) * cost.Packed(each.MeanLength(), seats);
    }
    const double theta = 0.1 + random.Uniform();
    std::vector<Item> in_time;
    for (Item& item : items) {
      const double laxity = item.left - cost.Alone(item.length);
      item.urgency = std::exp(-laxity / (theta * backlog));
      if (laxity >= 0) in_time.push_back(item);
    }
    const double eta = cost.RidersAreFree() ? 0 : 1;
    UrgencyChoice choice({theta, 1});
    const auto& chosen =
        choice.Choose(waiting.classes,
                      {.now = Time{}, .cost = cost, .seats = seats, .slots = 1, .mean_length = 100, .last_batch = 8});
    ASSERT_EQ(chosen.empty(), in_time.empty()) << "round " << round;
    if (chosen.empty()) continue;
    std::vector<Item> members;
    std::uint32_t longest = 0;
    for (const PendingSequence* const sequence : chosen) {
      members.push_back(items[sequence->request->id.number - 1]);
      longest = std::max(longest, sequence->length);
    }
    for (const Item& member : members) EXPECT_GE(member.left, cost.Seconds(members.size(), longest));
    EXPECT_LE(members.size(), seats);
    const double greatest = GreatestIndex(in_time, cost, seats, eta);
    EXPECT_GE(IndexOf(members, cost, seats, eta), (1 - 1e-9) * greatest) << "round " << round;
    several += members.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(several, 500) << "too few batches of several to tell anything";
}

}  // namespace
}  // namespace smartbatch::scheduling
