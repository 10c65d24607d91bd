// The bounds on waiting and on shares over hours of virtual time, with every form of cost, and the controls that break
// them.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/proxy/simulation/promises.h"

namespace smartbatch::test {
namespace {

constexpr double kHours = 2;

// Enough requests for a little more than those hours, judged by the time that a few take.
std::uint64_t RequestsFor(const std::string& name, double rho, const CostModel& cost) {
  constexpr std::uint64_t kFew = 2000;
  simulation::WorkloadFeed feed(Workload(name, rho, cost), workload::Seeds::All(1), kFew);
  Time last{};
  while (feed.NextTime() != kNever) last = feed.Take().time;
  return static_cast<std::uint64_t>(1.2 * 3600 * kHours / ToSeconds(last.time_since_epoch()) * kFew);
}

const std::map<std::string, std::string> kLane = {{"lane_share", "0.5"}, {"lane_after_seconds", "1"}};

std::map<std::string, std::string> With(std::map<std::string, std::string> parameters, const std::string& name,
                                        const std::string& value) {
  parameters[name] = value;
  return parameters;
}

void ExpectWithinForHours(const scheduling::StrategyChoice& strategy, WaitObserver::Bound bound,
                          const std::string& workload, double rho) {
  for (const auto& [name, cost] : CostForms()) {
    const Waits waits = WaitsOf(strategy, bound, 1, cost, workload, rho, RequestsFor(workload, rho, cost));
    EXPECT_LE(waits.worst_part, 1) << name;
    EXPECT_GE(waits.virtual_hours, kHours) << name;
  }
}

TEST(DensityForHours, LetsNobodyWaitLongerThanItsLaneAllows) {
  ExpectWithinForHours({"density", With(kLane, "hold", "0")}, LaneBound, "mixed", 1.2);
  ExpectWithinForHours({"density", With(kLane, "hold", "0")}, LaneBound, "burstymixed", 0.8);
}

TEST(SjfAgingForHours, LetsNobodyWaitLongerThanMaxWaitAndTheWorkAhead) {
  ExpectWithinForHours({"sjf_aging", {{"max_wait_seconds", "1"}}}, MaxWaitBound, "burstymixed", 0.8);
}

TEST(DeadlineForHours, LetsNobodyWhoIsLateWaitLongerThanTheLaneAllows) {
  ExpectWithinForHours({"deadline", With(kLane, "drop", "false")}, LaneBound, "mixed", 1.2);
}

// The controls, over the same hours.
TEST(SjfForHours, LetsLongRequestsStarve) {
  for (const auto& [name, cost] : CostForms()) {
    EXPECT_GT(WaitsOf({"sjf", {}}, LaneBound, 1, cost, "mixed", 1.2, RequestsFor("mixed", 1.2, cost)).worst_part, 1)
        << name;
  }
}

TEST(WeightedFairForHours, KeepsTheCountersWithinTheWindowAndOneBatch) {
  Random random(1);
  for (const auto& [name, cost] : CostForms()) {
    for (const char* const kind : {"flood-long", "mixed"}) {
      const workload::Workload workload = Workload(kind, 1.2, cost);
      const Weights weights = DrawWeights(workload, random);
      const simulation::Result result =
          PlayWeighted({"weighted_fair", {}}, workload, weights.policies, 1, RequestsFor(kind, 1.2, cost), cost);
      EXPECT_LE(result.fairness_gap_seconds, 2 * kWindowSeconds + cost.Seconds(5, 2000) / weights.least) << name;
      EXPECT_GE(result.arrival_seconds, 3600 * kHours) << name;
    }
  }
}

// The control: without shares the counters drift apart for as long as it lasts.
TEST(DensityForHours, LetsTheCountersDriftApart) {
  for (const auto& [name, cost] : CostForms()) {
    const workload::Workload workload = Workload("flood-long", 1.2, cost);
    const simulation::Result result =
        PlayWeighted({"density", {}}, workload, {}, 1, RequestsFor("flood-long", 1.2, cost), cost);
    EXPECT_GT(result.fairness_gap_seconds, 10 * (2 * kWindowSeconds + cost.Seconds(5, 2000))) << name;
  }
}

}  // namespace
}  // namespace smartbatch::test
