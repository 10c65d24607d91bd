// The advisor behind `adaptive`: when it advises a change, and what it remembers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/adaptive_advisor.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/workload_feed.h"

namespace smartbatch::simulation {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

Trace Requests(const std::string& workload, double rho, std::uint64_t count) {
  const workload::Workload made = workload::MakeBuiltin(workload, {rho, 5, {}});
  WorkloadFeed feed(made, workload::Seeds::All(1), count);
  RecordingFeed recording(feed);
  while (recording.NextTime() != kNever) recording.Take();
  return recording.trace();
}

ReplaySetting OneBackend() { return {UnlimitedQueue(), {SimulatedBackend{}}, {}}; }

AdvisorOptions Options(Objective objective) {
  AdvisorOptions options;
  options.objective = objective;
  return options;
}

TEST(TheAdvisor, ChangesNothingOnTooFewRequests) {
  AdaptiveAdvisor advisor(Options(Objective::kMean));
  const auto advice = advisor.Consider(Requests("seedopen", 0.7, 49), OneBackend(), "fcfs", Time(seconds(15)));
  EXPECT_FALSE(advice->change);
  EXPECT_THAT(advice->reason, HasSubstr("49 requests in the window are too few"));
}

TEST(TheAdvisor, AdvisesAChangeOnceItHasShownInTwoWindowsWithoutACommonRequest) {
  AdaptiveAdvisor advisor(Options(Objective::kMean));
  const Trace recent = Requests("seedopen", 0.7, 1500);
  const auto first = advisor.Consider(recent, OneBackend(), "fcfs", Time(seconds(15)));
  EXPECT_FALSE(first->change);
  EXPECT_EQ(first->scores.size(), scheduling::AllStrategies().size() - 1);
  EXPECT_EQ(first->scores.count("adaptive"), 0U);
  for (int now = 30; now < 15 + 120; now += 15) {
    EXPECT_FALSE(advisor.Consider(recent, OneBackend(), "fcfs", Time(seconds(now)))->change) << now;
  }
  const auto last = advisor.Consider(recent, OneBackend(), "fcfs", Time(seconds(15 + 120)));
  EXPECT_TRUE(last->change);
  EXPECT_GT(last->gain, 0.5);
  const auto best = std::min_element(last->scores.begin(), last->scores.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  EXPECT_EQ(last->strategy, best->first);
  EXPECT_THAT(last->reason, HasSubstr("mean latency in ms over the last 1500 requests and 8 windows before: fcfs"));
}

TEST(TheAdvisor, TakesNoChangeBackBeforeTheDwellTime) {
  AdvisorOptions options = Options(Objective::kMean);
  options.window = seconds(15);
  options.min_dwell = seconds(60);
  AdaptiveAdvisor advisor(options);
  const Trace recent = Requests("seedopen", 0.7, 1500);
  int changes = 0;
  // Whatever it says, the worst is followed.
  for (int now = 15; now <= 150; now += 15) {
    changes += advisor.Consider(recent, OneBackend(), "fcfs", Time(seconds(now)))->change ? 1 : 0;
  }
  EXPECT_EQ(changes, 3);  // at 30, 90 and 150 s
}

// How many changes a burst brings about that is in every window for two minutes, and then in none.
int ChangesAfterOneBurst(const AdvisorOptions& options) {
  const Trace quiet = Requests("mixed", 0.1, 200);
  const Trace burst = Requests("mixed", 0.9, 600);
  AdaptiveAdvisor advisor(options);
  std::string following = "fcfs";
  int changes = 0;
  for (int now = 15; now <= 1200; now += 15) {
    const bool in_the_window = now >= 300 && now < 300 + 120;
    const auto advice = advisor.Consider(in_the_window ? burst : quiet, OneBackend(), following, Time(seconds(now)));
    changes += advice->change ? 1 : 0;
    following = advice->strategy;
  }
  return changes;
}

TEST(TheAdvisor, ChangesNothingForASingleEvent) {
  AdvisorOptions options = Options(Objective::kP99);
  options.min_gain = 0.5;  // the quiet windows give no reason
  EXPECT_EQ(ChangesAfterOneBurst(options), 0);
  options.min_windows = 1;
  EXPECT_GT(ChangesAfterOneBurst(options), 0);
}

// How often the advice changes in twenty minutes of a workload, if it is taken.
int ChangesInTwentyMinutes(const AdvisorOptions& options, const std::string& workload, double rho) {
  const workload::Workload made = workload::MakeBuiltin(workload, {rho, 5, {}});
  WorkloadFeed feed(made, workload::Seeds::All(1), 100'000);
  RecentArrivals recent(20'000);
  AdaptiveAdvisor advisor(options);
  std::string following = "density";
  int changes = 0;
  for (Time now{}; now <= Time(seconds(1200)); now += options.interval) {
    while (feed.NextTime() <= now) {
      const FedRequest request = feed.Take();
      recent.Add(feed.customers()[request.customer], request.lengths, request.time);
    }
    const auto advice = advisor.Consider(recent.Since(now - options.window), OneBackend(), following, now);
    changes += advice->change ? 1 : 0;
    following = advice->strategy;
  }
  return changes;
}

TEST(TheAdvisor, DoesNotWanderAtLightLoadUnlessChanceCounts) {
  AdvisorOptions by_chance = Options(Objective::kFairness);
  by_chance.min_gain_batches = 0;
  by_chance.min_windows = 1;
  int wandered = 0;
  for (const std::string workload : {"seedopen", "mixed", "elephants", "burstyseed"}) {
    EXPECT_EQ(ChangesInTwentyMinutes(Options(Objective::kFairness), workload, 0.1), 0) << workload;
    EXPECT_EQ(ChangesInTwentyMinutes(Options(Objective::kP99), workload, 0.1), 0) << workload;
    wandered += ChangesInTwentyMinutes(by_chance, workload, 0.1);
  }
  EXPECT_GT(wandered, 4);
}

TEST(TheAdvisor, StillFollowsAFairerStrategyIfACustomerFloods) {
  EXPECT_EQ(ChangesInTwentyMinutes(Options(Objective::kFairness), "flood-long", 0.4), 1);
}

TEST(TheAdvisor, JudgesGapsByTheLargestThatItRemembers) {
  const Trace quiet = Requests("mixed", 0.2, 600);
  const Trace busy = Requests("mixed", 0.9, 600);
  AdvisorOptions options = Options(Objective::kFairness);
  const auto alone = [&](const Trace& trace) {
    return AdaptiveAdvisor(options).Consider(trace, OneBackend(), "sjf", Time(seconds(15)))->scores;
  };
  const auto of_quiet = alone(quiet);
  auto larger = alone(busy);
  ASSERT_GT(larger.at("fcfs"), of_quiet.at("fcfs"));
  for (auto& [strategy, gap] : larger) gap = std::max(gap, of_quiet.at(strategy));
  AdaptiveAdvisor advisor(options);
  advisor.Consider(busy, OneBackend(), "sjf", Time(seconds(15))).IgnoreError();
  EXPECT_EQ(advisor.Consider(quiet, OneBackend(), "sjf", Time(seconds(1000)))->scores, larger);
  // After half an hour the busy one is forgotten.
  const auto forgotten = advisor.Consider(quiet, OneBackend(), "sjf", Time(seconds(1900)));
  EXPECT_EQ(forgotten->scores, of_quiet);

  options.memory = Duration::zero();
  AdaptiveAdvisor without_memory(options);
  without_memory.Consider(busy, OneBackend(), "sjf", Time(seconds(15))).IgnoreError();
  EXPECT_EQ(without_memory.Consider(quiet, OneBackend(), "sjf", Time(seconds(30)))->scores, forgotten->scores);
}

TEST(TheAdvisor, JudgesLatenciesByTheMeanOverTheWindowsThatItRemembers) {
  const Trace quiet = Requests("mixed", 0.2, 200);
  const Trace busy = Requests("mixed", 0.9, 600);
  for (const Objective objective : {Objective::kMean, Objective::kP99, Objective::kWorstCustomerP99}) {
    AdaptiveAdvisor advisor(Options(objective));
    const double of_busy = advisor.Consider(busy, OneBackend(), "sjf", Time(seconds(15)))->scores.at("sjf");
    const double both = advisor.Consider(quiet, OneBackend(), "sjf", Time(seconds(30)))->scores.at("sjf");
    AdaptiveAdvisor other(Options(objective));
    const double of_quiet = other.Consider(quiet, OneBackend(), "sjf", Time(seconds(15)))->scores.at("sjf");
    EXPECT_NEAR(both, (600 * of_busy + 200 * of_quiet) / 800, 1e-9 * both);
  }
}

}  // namespace
}  // namespace smartbatch::simulation
