// The search for the largest rate, and its tries.
#include <cmath>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/proxy/simulation/workload_feed.h"
#include "tools/loadgen/engine/arrival_plan.h"
#include "tools/loadgen/sweep/trial.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::seconds;

// Searches with an objective that holds below `limit`.
absl::StatusOr<RateSearchResult> Search(double limit, double start, int most_trials = 30) {
  return FindLargestRate({start, 2, 1.01, most_trials}, [&](double rate) -> absl::StatusOr<Trial> {
    return Trial{rate, rate, rate < limit, {}};
  });
}

TEST(RateSearch, FindsTheLimitFromBelowAndFromAbove) {
  for (const double start : {0.02, 9.9, 10.1, 5000.0}) {
    const auto found = Search(10, start);
    ASSERT_TRUE(found.ok());
    EXPECT_TRUE(found->complete);
    EXPECT_LT(found->held->requests_per_second, 10);
    EXPECT_GE(found->broke->requests_per_second, 10);
    EXPECT_LE(found->broke->requests_per_second, 1.01 * found->held->requests_per_second);
    EXPECT_NEAR(*found->Estimate(), 10, 0.1);
  }
}

TEST(RateSearch, SaysIfItFoundNoLimit) {
  const auto never_holds = Search(0, 1, 6);
  EXPECT_FALSE(never_holds->complete);
  EXPECT_FALSE(never_holds->held);
  EXPECT_EQ(never_holds->trials.size(), 6U);
  EXPECT_EQ(Search(0, 1, 100)->trials.size(), 10U);  // down to 1/512 of the start
  const auto always_holds = Search(HUGE_VAL, 1, 6);
  EXPECT_FALSE(always_holds->broke);
  EXPECT_EQ(always_holds->Estimate(), std::nullopt);
}

TEST(RateSearch, EndsIfATryFails) {
  const auto failed =
      FindLargestRate({}, [](double) -> absl::StatusOr<Trial> { return absl::UnavailableError("the server is gone"); });
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
}

// Requests of one sequence of 100 characters: 10 ms each, one at a time.
workload::Workload Queue(double rate) {
  workload::Workload workload{"queue", "", {}};
  workload.customers.push_back({"a", workload::Poisson{rate}, {1, 1, workload::UniformLength{100, 100}}});
  return workload;
}
simulation::SimulationOptions OneAtATime() {
  simulation::SimulationOptions options;
  options.scheduler.max_batch_size = 1;
  options.strategy = {"fcfs", {}};
  return options;
}

TEST(SimulatedTrial, HasTheLatencyThatTheoryGives) {
  const double rate = 70;
  const auto block = SimulateBlock(Queue(rate), workload::Seeds::All(1), {seconds(20), seconds(3000)}, OneAtATime());
  ASSERT_TRUE(block.ok()) << block.status();
  const auto objective = ParseObjective("mean<1s");
  ASSERT_TRUE(objective.ok()) << objective.status();
  const auto judged = Judge(*block, *objective, rate, 10);
  ASSERT_TRUE(judged.ok()) << judged.status();
  const Trial& trial = *judged;
  EXPECT_TRUE(trial.met);
  EXPECT_EQ(trial.defect, "");
  // Pollaczek and Khinchine: service + rho * service / (2 * (1 - rho)).
  EXPECT_NEAR(*trial.measured, 10 + 0.7 * 10 / (2 * 0.3), 0.8);
}

TEST(SimulatedTrial, PlaysTheArrivalsThatAServerWouldMeet) {
  const workload::Workload workload = workload::MakeBuiltin("burstyseed", {});
  const workload::Seeds seeds{3, 4, 5};
  simulation::SimulationOptions options;
  options.strategy = {"sjf", {}};
  const auto block = SimulateBlock(workload, seeds, {seconds(2), seconds(20)}, options);
  ASSERT_TRUE(block.ok()) << block.status();
  std::multiset<std::pair<std::uint32_t, Duration>> simulated;
  for (const RequestRecord& record : block->records) simulated.insert({record.customer, record.scheduled});

  const TextSource text = TextSource::BuiltIn();
  ArrivalPlan plan(workload, seeds, text);
  std::multiset<std::pair<std::uint32_t, Duration>> planned;
  for (std::uint32_t customer = 0; customer < plan.customer_count(); ++customer) {
    for (Time time = plan.FirstArrival(customer); time < Time(seconds(22)); time = plan.NextArrival(customer)) {
      planned.insert({customer, time.time_since_epoch()});
    }
  }
  EXPECT_EQ(simulated, planned);
  EXPECT_GT(planned.size(), 100U);
}

TEST(Judge, CountsWhatWasNotAnsweredAsBroken) {
  Block block;
  block.workload = "x";
  block.strategy.name = "fcfs";
  block.customers = {"a", "b"};
  block.measured = seconds(10);
  for (int i = 0; i < 1000; ++i) {
    RequestRecord record;
    record.customer = static_cast<std::uint32_t>(i % 2);
    record.scheduled = record.sent = std::chrono::milliseconds(i);
    record.done = record.scheduled + std::chrono::milliseconds(i % 2 == 0 ? 10 : 50);
    block.records.push_back(record);
  }
  const auto judge = [&](const std::string& text) { return Judge(block, *ParseObjective(text), 1, 10); };
  EXPECT_TRUE(judge("p95<60ms")->met);
  EXPECT_FALSE(judge("p95<40ms")->met);
  EXPECT_TRUE(judge("a:p95<40ms")->met);
  EXPECT_FALSE(judge("b:p95<40ms")->met);
  EXPECT_FALSE(judge("c:p95<40ms").ok());
  EXPECT_FALSE(judge("p99.9<60ms").ok());  // a thousand answers have one above it
  for (int i = 0; i < 10; ++i) block.records[static_cast<std::size_t>(i)].status_code = 8;
  EXPECT_FALSE(judge("p95<60ms")->met);
  EXPECT_TRUE(judge("failed<2%")->met);
}

}  // namespace
}  // namespace smartbatch::loadgen
