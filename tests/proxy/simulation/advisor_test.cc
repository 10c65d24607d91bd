// The advisor behind `adaptive`: when it advises a change, and what it remembers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/advisor.h"
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

AdvisorOptions Options(AdvisorObjective objective) {
  AdvisorOptions options;
  options.objective = objective;
  return options;
}

TEST(TheAdvisor, ChangesNothingOnTooFewRequests) {
  Advisor advisor(Options(AdvisorObjective::kMean));
  const auto advice = advisor.Consider(Requests("seedopen", 0.7, 49), OneBackend(), "fcfs", Time(seconds(15)));
  EXPECT_FALSE(advice->change);
  EXPECT_THAT(advice->reason, HasSubstr("49 requests in the window are too few"));
}

TEST(TheAdvisor, AdvisesAChangeOnceItHasShownInTwoWindowsWithoutACommonRequest) {
  Advisor advisor(Options(AdvisorObjective::kMean));
  const Trace recent = Requests("seedopen", 0.7, 1500);
  const auto first = advisor.Consider(recent, OneBackend(), "fcfs", Time(seconds(15)));
  EXPECT_FALSE(first->change);
  for (const scheduling::StrategySpecification& strategy : scheduling::AllStrategies()) {
    const bool can_be_followed = MayBeFollowed(strategy);
    EXPECT_EQ(first->scores.count(strategy.name), can_be_followed ? 1U : 0U) << strategy.name;
  }
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
  AdvisorOptions options = Options(AdvisorObjective::kMean);
  options.window = seconds(15);
  options.min_dwell = seconds(60);
  Advisor advisor(options);
  const Trace recent = Requests("seedopen", 0.7, 1500);
  int changes = 0;
  // The worst strategy is followed, whatever the advice.
  for (int now = 15; now <= 150; now += 15) {
    changes += advisor.Consider(recent, OneBackend(), "fcfs", Time(seconds(now)))->change ? 1 : 0;
  }
  EXPECT_EQ(changes, 3);  // at 30, 90 and 150 s
}

// How many changes a burst causes that is in every window for two minutes, and then in none.
int ChangesAfterOneBurst(const AdvisorOptions& options) {
  const Trace quiet = Requests("mixed", 0.1, 200);
  const Trace burst = Requests("mixed", 0.9, 600);
  Advisor advisor(options);
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
  AdvisorOptions options = Options(AdvisorObjective::kP99);
  options.min_gain = 0.5;  // the quiet windows show no gain
  EXPECT_EQ(ChangesAfterOneBurst(options), 0);
  options.min_windows = 1;
  EXPECT_GT(ChangesAfterOneBurst(options), 0);
}

// How often the advice changes in twenty minutes of a workload, if it is taken.
int ChangesInTwentyMinutes(const AdvisorOptions& options, const std::string& workload, double rho) {
  ReplaySetting setting = OneBackend();
  setting.scheduler.latency_objective = std::chrono::milliseconds(500);
  const workload::Workload made = workload::MakeBuiltin(workload, {rho, 5, {}});
  WorkloadFeed feed(made, workload::Seeds::All(1), 100'000);
  RecentArrivals recent(20'000);
  Advisor advisor(options);
  std::string following = "density";
  int changes = 0;
  for (Time now{}; now <= Time(seconds(1200)); now += options.interval) {
    while (feed.NextTime() <= now) {
      const FedRequest request = feed.Take();
      recent.Add(feed.customers()[request.customer], request.lengths, kNever, request.time);
    }
    const auto advice = advisor.Consider(recent.Since(now - options.window), setting, following, now);
    changes += advice->change ? 1 : 0;
    following = advice->strategy;
  }
  return changes;
}

TEST(TheAdvisor, DoesNotWanderAtLightLoadUnlessChanceCounts) {
  AdvisorOptions by_chance = Options(AdvisorObjective::kFairness);
  by_chance.min_gain_batches = 0;
  by_chance.min_windows = 1;
  int wandered = 0;
  for (const std::string workload : {"seedopen", "mixed", "elephants", "burstyseed"}) {
    for (const AdvisorObjective objective :
         {AdvisorObjective::kMean, AdvisorObjective::kP99, AdvisorObjective::kWorstCustomerP99,
          AdvisorObjective::kFairness, AdvisorObjective::kOnTime}) {
      EXPECT_EQ(ChangesInTwentyMinutes(Options(objective), workload, 0.1), 0) << workload;
    }
    wandered += ChangesInTwentyMinutes(by_chance, workload, 0.1);
  }
  EXPECT_GT(wandered, 4);
}

TEST(TheAdvisor, StillFollowsAFairerStrategyIfACustomerFloods) {
  EXPECT_EQ(ChangesInTwentyMinutes(Options(AdvisorObjective::kFairness), "flood-long", 0.6), 1);
}

// Every second request has a deadline of 400 ms; the customers' objectives hold for the others.
Trace WithDeadlines(Trace trace) {
  for (std::size_t i = 0; i < trace.records.size(); i += 2) {
    trace.records[i].deadline = trace.records[i].time + std::chrono::milliseconds(400);
  }
  return trace;
}

TEST(TheAdvisor, CountsAsLateWhatIsNotAnsweredByItsDeadlineOrItsCustomersObjective) {
  const Trace recent = WithDeadlines(Requests("mixed", 0.7, 1000));
  ReplaySetting setting = OneBackend();
  setting.scheduler.latency_objective = std::chrono::milliseconds(900);
  setting.customers[recent.customers[0]].latency_objective = std::chrono::milliseconds(300);
  Advisor advisor(Options(AdvisorObjective::kOnTime));
  const auto scores = advisor.Consider(recent, setting, "fcfs", Time(seconds(15)))->scores;

  for (const std::string strategy : {"fcfs", "sjf", "density"}) {
    int on_time = 0;
    TraceFeed feed(recent);
    SimulationOptions options;
    options.strategy = {strategy, {}};
    options.on_ended = [&](std::uint32_t customer, const scheduling::Finished& finished) {
      if (finished.outcome != scheduling::Outcome::kAnswered) return;
      const auto sent = std::find_if(recent.records.begin(), recent.records.end(), [&](const Trace::Record& record) {
        return record.time == finished.arrival && record.customer == customer;
      });
      const Duration objective = std::chrono::milliseconds(customer == 0 ? 300 : 900);
      on_time += finished.finish <= (sent->deadline != kNever ? sent->deadline : sent->time + objective) ? 1 : 0;
    };
    ASSERT_TRUE(Simulate(feed, options).ok());
    EXPECT_NEAR(scores.at(strategy), 1 - on_time / 1000.0, 1e-12) << strategy;
    EXPECT_GT(on_time, 100);
    EXPECT_LT(on_time, 1000);
  }
}

TEST(TheAdvisor, FollowsTheStrategyUnderWhichFewestAreLate) {
  const Trace recent = WithDeadlines(Requests("seedopen", 0.7, 1500));
  ReplaySetting setting = OneBackend();
  setting.scheduler.latency_objective = seconds(1);
  Advisor advisor(Options(AdvisorObjective::kOnTime));
  EXPECT_FALSE(advisor.Consider(recent, setting, "fcfs", Time(seconds(15)))->change);
  const auto advice = advisor.Consider(recent, setting, "fcfs", Time(seconds(135)));
  EXPECT_TRUE(advice->change);
  for (const auto& [strategy, late] : advice->scores) EXPECT_LE(advice->scores.at(advice->strategy), late) << strategy;
  EXPECT_THAT(advice->reason, HasSubstr("share of requests that are late"));
}

TEST(TheAdvisor, ComparesLatenciesOverTheSameRequestsWhateverTheirDeadlines) {
  const Trace without = Requests("seedopen", 0.7, 300);
  const Trace with = WithDeadlines(without);
  for (const AdvisorObjective objective :
       {AdvisorObjective::kMean, AdvisorObjective::kP99, AdvisorObjective::kFairness}) {
    const auto scores_of = [&](const Trace& recent) {
      return Advisor(Options(objective)).Consider(recent, OneBackend(), "fcfs", Time(seconds(15)))->scores;
    };
    EXPECT_EQ(scores_of(with), scores_of(without));
  }
}

// The batches of a replay take what they are believed to take.
TEST(TheAdvisor, TakesForKnownWhatTheProxyOnlyAssumes) {
  const Trace recent = Requests("seedopen", 0.7, 1500);
  ReplaySetting assumed = OneBackend();
  assumed.scheduler.backends.costs_are_assumed = true;
  const auto scores_with = [&](const ReplaySetting& setting) {
    return Advisor(Options(AdvisorObjective::kMean)).Consider(recent, setting, "fcfs", Time(seconds(15)))->scores;
  };
  EXPECT_EQ(scores_with(assumed), scores_with(OneBackend()));
}

TEST(RecentArrivals, KeepDeadlinesAsFarFromTheArrivalAsTheyWere) {
  RecentArrivals recent(2);
  recent.Add("a", std::vector<std::uint32_t>{7}, kNever, Time(seconds(5)));
  recent.Add("a", std::vector<std::uint32_t>{8, 9}, Time(seconds(12)), Time(seconds(10)));
  recent.Add("b", std::vector<std::uint32_t>{10}, kNever, Time(seconds(11)));
  const Trace trace = recent.Since(Time(seconds(6)));
  ASSERT_EQ(trace.records.size(), 2U);
  EXPECT_EQ(trace.records[0].time, Time(seconds(0)));
  EXPECT_EQ(trace.records[0].deadline, Time(seconds(2)));
  EXPECT_EQ(trace.records[1].deadline, kNever);
}

TEST(TheAdvisor, JudgesGapsByTheLargestThatItRemembers) {
  const Trace quiet = Requests("mixed", 0.2, 600);
  const Trace busy = Requests("mixed", 0.9, 600);
  AdvisorOptions options = Options(AdvisorObjective::kFairness);
  const auto alone = [&](const Trace& trace) {
    return Advisor(options).Consider(trace, OneBackend(), "sjf", Time(seconds(15)))->scores;
  };
  const auto of_quiet = alone(quiet);
  auto larger = alone(busy);
  ASSERT_GT(larger.at("fcfs"), of_quiet.at("fcfs"));
  for (auto& [strategy, gap] : larger) gap = std::max(gap, of_quiet.at(strategy));
  Advisor advisor(options);
  advisor.Consider(busy, OneBackend(), "sjf", Time(seconds(15))).IgnoreError();
  EXPECT_EQ(advisor.Consider(quiet, OneBackend(), "sjf", Time(seconds(1000)))->scores, larger);
  // After half an hour the busy window is forgotten.
  const auto forgotten = advisor.Consider(quiet, OneBackend(), "sjf", Time(seconds(1900)));
  EXPECT_EQ(forgotten->scores, of_quiet);

  options.memory = Duration::zero();
  Advisor without_memory(options);
  without_memory.Consider(busy, OneBackend(), "sjf", Time(seconds(15))).IgnoreError();
  EXPECT_EQ(without_memory.Consider(quiet, OneBackend(), "sjf", Time(seconds(30)))->scores, forgotten->scores);
}

TEST(TheAdvisor, JudgesLatenciesByTheMeanOverTheWindowsThatItRemembers) {
  const Trace quiet = Requests("mixed", 0.2, 200);
  const Trace busy = Requests("mixed", 0.9, 600);
  for (const AdvisorObjective objective :
       {AdvisorObjective::kMean, AdvisorObjective::kP99, AdvisorObjective::kWorstCustomerP99}) {
    Advisor advisor(Options(objective));
    const double of_busy = advisor.Consider(busy, OneBackend(), "sjf", Time(seconds(15)))->scores.at("sjf");
    const double both = advisor.Consider(quiet, OneBackend(), "sjf", Time(seconds(30)))->scores.at("sjf");
    Advisor other(Options(objective));
    const double of_quiet = other.Consider(quiet, OneBackend(), "sjf", Time(seconds(15)))->scores.at("sjf");
    EXPECT_NEAR(both, (600 * of_busy + 200 * of_quiet) / 800, 1e-9 * both);
  }
}

}  // namespace
}  // namespace smartbatch::simulation
