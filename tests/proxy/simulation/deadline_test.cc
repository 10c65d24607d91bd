// What `deadline` promises, in virtual time, each with a control.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/random.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/trace.h"
#include "services/proxy/simulation/workload_feed.h"
#include "tests/proxy/simulation/promises.h"
#include "tests/support/oracles.h"

namespace smartbatch::test {
namespace {

using scheduling::Outcome;
using scheduling::StrategyChoice;

const StrategyChoice kServe = {"deadline", {{"drop", "false"}}};

// One form in which every rider costs as much as the longest, and one in which a large part is paid once.
constexpr CostModel kCpu = {0.01, 0, 0, 3e-4, 6.5e-8};
constexpr CostModel kGpu = {0.005, 0, 0, 1.1e-6, 2.4e-10};

simulation::Result Play(const simulation::Trace& trace, simulation::SimulationOptions options,
                        const StrategyChoice& strategy, const CostModel& cost, std::uint32_t max_batch_size) {
  options.strategy = strategy;
  options.scheduler.max_batch_size = max_batch_size;
  options.backends.front().true_cost = options.backends.front().believed_cost = cost;
  simulation::TraceFeed feed(trace);
  auto result = simulation::Simulate(feed, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}

// Single sequences, each due after 2, 5 or 20 times the time that it takes alone, and a little more.
simulation::Trace TraceOf(const std::string& workload, double rho, const CostModel& cost, std::uint32_t max_batch_size,
                          std::uint64_t requests, std::uint64_t seed) {
  workload::Workload single = workload::MakeBuiltin(workload, {rho, max_batch_size, cost});
  double scale = 0;
  for (workload::CustomerModel& customer : single.customers) {
    scale += customer.requests.sequences_minimum + customer.requests.sequences_maximum;
    customer.requests.sequences_minimum = customer.requests.sequences_maximum = 1;
  }
  scale /= 2 * static_cast<double>(single.customers.size());
  simulation::WorkloadFeed feed(workload::Scaled(single, scale), workload::Seeds::All(seed), requests);
  simulation::RecordingFeed recording(feed);
  while (recording.NextTime() != kNever) recording.Take();
  simulation::Trace trace = recording.trace();
  Random random(seed);
  for (simulation::Trace::Record& record : trace.records) {
    const double times[] = {2, 5, 20};
    const double alone = cost.Alone(trace.LengthsOf(record)[0]);
    record.deadline = Later(record.time, FromSeconds(times[random.Between(0, 2)] * alone + cost.Seconds(8, 200)));
  }
  return trace;
}

TEST(MostInTime, IsWhatItIsByHand) {
  const CostModel cost{0, 1e-3, 0, 0};  // 1, 4, 9 ms for 1, 2, 3 characters
  EXPECT_EQ(MostInTime({{1, 1e-3}, {2, 5e-3}, {3, 14.1e-3}}, 1, cost), 3U);
  EXPECT_EQ(MostInTime({{1, 1e-3}, {2, 5e-3}, {3, 13e-3}}, 1, cost), 2U);
  EXPECT_EQ(MostInTime({{1, 1e-3}, {2, 10.1e-3}, {3, 13e-3}}, 2, cost), 3U);  // the two longer ones together
  EXPECT_EQ(MostInTime({{3, 8e-3}}, 2, cost), 0U);
}

// The share of what the best series of batches serves in time, over problems whose sequences are all there at time 0.
double ShareOfTheMost(const StrategyChoice& strategy, const CostModel& cost, int problems) {
  double served = 0;
  double possible = 0;
  for (int problem = 0; problem < problems; ++problem) {
    Random random = Random::Stream(7, static_cast<std::uint64_t>(problem));
    constexpr std::uint32_t kSeats = 3;
    std::vector<Due> sequences(8);
    simulation::Trace trace;
    trace.customers = {"a"};
    double all = 0;
    for (Due& sequence : sequences) {
      sequence.length = static_cast<std::uint32_t>(std::clamp(random.Lognormal(80, 1), 10.0, 2000.0));
      all += cost.Packed(sequence.length, kSeats);
    }
    for (Due& sequence : sequences) {
      sequence.seconds = cost.Alone(sequence.length) + random.Uniform() * all;
      const Time due(FromSeconds(sequence.seconds));
      trace.Add(Time{}, 0, std::vector<std::uint32_t>{sequence.length}, due);
      sequence.seconds = ToSeconds(due.time_since_epoch());
    }
    simulation::SimulationOptions options;
    options.warmup_share = 0;
    options.scheduler.learn_costs = false;
    const simulation::Result result = Play(trace, options, strategy, cost, kSeats);
    const std::uint32_t most = MostInTime(sequences, kSeats, cost);
    const auto in_time = static_cast<double>(result.outcomes[Outcome::kAnswered]);
    EXPECT_LE(in_time, most) << "the oracle is wrong";
    served += in_time;
    possible += most;
  }
  return served / possible;
}

TEST(Deadline, ServesNearlyAsManyInTimeAsTheBestSequenceOfBatches) {
  for (const CostModel& cost : {CostModel{}, kCpu, kGpu}) {
    const double deadline = ShareOfTheMost({"deadline", {}}, cost, 300);
    EXPECT_GE(deadline, 0.96);
    EXPECT_GE(deadline, ShareOfTheMost({"clockwork", {}}, cost, 300));
    // The control knows no deadlines.
    EXPECT_LT(ShareOfTheMost({"density", {}}, cost, 300), deadline - 0.03);
  }
}

// The number of requests that were sent and yet expired.
std::uint64_t SentTooLate(const StrategyChoice& strategy, const CostModel& cost) {
  std::uint64_t too_late = 0;
  simulation::SimulationOptions options;
  options.on_ended = [&](std::uint32_t, const scheduling::Finished& finished) {
    too_late += finished.outcome == Outcome::kExpired && finished.last_dispatch ? 1 : 0;
  };
  Play(TraceOf("mixed", 3, cost, 16, 5000, 1), options, strategy, cost, 16);
  return too_late;
}

TEST(Deadline, SendsNothingThatWillBeLate) {
  for (const CostModel& cost : {kCpu, kGpu}) {
    EXPECT_EQ(SentTooLate({"deadline", {}}, cost), 0U);
    EXPECT_GT(SentTooLate({"density", {}}, cost), 100U) << "the load is too light to show anything";
  }
}

TEST(Deadline, AnswersMoreInTimeUnderOverloadThanClockworkAndDensity) {
  for (const CostModel& cost : {kCpu, kGpu}) {
    const simulation::Trace trace = TraceOf("mixed", 3, cost, 16, 10'000, 2);
    const auto share = [&](const StrategyChoice& strategy) {
      return Play(trace, {}, strategy, cost, 16).on_time_share;
    };
    const double deadline = share({"deadline", {}});
    EXPECT_GT(deadline, share({"clockwork", {}}) + 0.03);
    EXPECT_GT(deadline, share({"density", {}}) + 0.01);
    EXPECT_NEAR(deadline, share(kServe), 0.01) << "who is late is served only in time that nobody else needs";
  }
}

// --- Nobody who is late waits for ever ---

TEST(Deadline, LetsNobodyWhoIsLateWaitLongerThanTheLaneAllows) {
  const std::map<std::string, std::string> lane = {
      {"drop", "false"}, {"lane_share", "0.5"}, {"lane_after_seconds", "1"}, {"lane_after_batches", "1000000"}};
  std::map<std::string, std::string> no_lane = lane;
  no_lane["lane_share"] = "0";
  double control = 0;
  for (const auto& [name, cost] : CostForms()) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const auto worst_part = [&lane_cost = cost, seed](const std::map<std::string, std::string>& parameters) {
        return WaitsOf({"deadline", parameters}, LaneBound, seed, lane_cost, "mixed", 1.3, 5000).worst_part;
      };
      EXPECT_LE(worst_part(lane), 1);
      control = std::max(control, worst_part(no_lane));
    }
  }
  EXPECT_GT(control, 1) << "without the lane somebody starves";
}

TEST(Deadline, LearnsAgainWhatABackendCostsThatHasBecomeQuickAlthoughAllSeemsHopeless) {
  // Believed and learned slow at first: 1 s a batch, an objective of 300 ms. Then 100 times as quick.
  simulation::Trace trace;
  trace.customers = {"a"};
  for (int i = 0; i < 6000; ++i) trace.Add(Time(std::chrono::milliseconds(50) * i), 0, std::vector<std::uint32_t>{100});
  simulation::SimulationOptions options;
  options.scheduler.latency_objective = std::chrono::milliseconds(300);
  options.strategy = {"deadline", {}};
  options.backends.front().believed_cost = {10, 0, 0, 0};
  options.backends.front().true_cost = {0.01, 0, 0, 0};
  simulation::TraceFeed feed(trace);
  const auto result = simulation::Simulate(feed, options);
  ASSERT_TRUE(result.ok());
  EXPECT_GT(result->on_time_share, 0.99);
}

}  // namespace
}  // namespace smartbatch::test
