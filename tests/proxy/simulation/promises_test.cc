// The strategies' promises about waiting and about shares, each with a strategy that breaks it as the control.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "services/proxy/simulation/workload_feed.h"
#include "tests/figures/laboratory.h"
#include "tests/proxy/simulation/promises.h"
#include "tests/support/oracles.h"

namespace smartbatch::test {
namespace {

double WorstPart(const scheduling::StrategyChoice& strategy, WaitObserver::Bound bound, std::uint64_t seed,
                 const CostModel& cost = {}) {
  return WaitsOf(strategy, bound, seed, cost, "mixed", 1.2, 5000).worst_part;
}

TEST(Density, LetsNobodyWaitLongerThanItsLaneAllowsWhateverRidersCost) {
  for (const auto& [name, cost] : CostForms()) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      EXPECT_LE(WorstPart({"density", {{"lane_share", "0.5"}, {"lane_after_seconds", "1"}, {"hold", "0"}}}, LaneBound,
                          seed, cost),
                1)
          << name;
    }
  }
}

TEST(SjfAging, LetsNobodyWaitLongerThanMaxWaitAndTheWorkAheadWhateverRidersCost) {
  for (const auto& [name, cost] : CostForms()) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      EXPECT_LE(WorstPart({"sjf_aging", {{"max_wait_seconds", "1"}}}, MaxWaitBound, seed, cost), 1) << name;
    }
  }
}

// The control: sjf starves, and both bounds notice.
TEST(Sjf, LetsLongRequestsStarve) {
  for (const auto& [name, cost] : CostForms()) EXPECT_GT(WorstPart({"sjf", {}}, LaneBound, 1, cost), 1) << name;
  EXPECT_GT(WorstPart({"sjf", {}}, MaxWaitBound, 1), 1);
}

// --- Shares ---

// Closed loops without think time: every customer always has requests waiting; the `light` ones send little.
workload::Workload Greedy(int greedy, int light) {
  workload::Workload workload;
  for (int i = 0; i < greedy; ++i) {
    for (int connection = 0; connection < 12; ++connection) {
      workload.customers.push_back({"greedy-" + std::to_string(i),
                                    workload::ClosedLoop{},
                                    {1, 3, workload::UniformLength{20, 150U + 100U * static_cast<std::uint32_t>(i)}}});
    }
  }
  for (int i = 0; i < light; ++i) {
    workload.customers.push_back(
        {"light-" + std::to_string(i), workload::Poisson{2}, {1, 2, workload::UniformLength{20, 100}}});
  }
  return workload;
}

// The window is also the most that a customer may be behind when it comes back.
TEST(WeightedFair, KeepsTheCountersWithinTwoWindowsAndOneBatchWhateverRidersCost) {
  Random random(1);
  const auto forms = CostForms();
  for (std::uint64_t seed = 1; seed <= 4 * forms.size(); ++seed) {
    const auto& [name, cost] = forms[seed % forms.size()];
    const workload::Workload workload = Workload(seed / forms.size() % 2 == 0 ? "flood-long" : "mixed", 1.2, cost);
    const Weights weights = DrawWeights(workload, random);
    const simulation::Result result = PlayWeighted({"weighted_fair", {}}, workload, weights.policies, seed, 5000, cost);
    constexpr std::uint32_t kSeats = 5;
    EXPECT_LE(result.fairness_gap_seconds, 2 * kWindowSeconds + cost.Seconds(kSeats, 2000) / weights.least)
        << name << " seed " << seed;
  }
}

// The control: without a window the counters drift apart without bound.
TEST(Fcfs, LetsTheCountersDriftApart) {
  const simulation::Result result = PlayWeighted({"fcfs", {}}, Workload("flood-long", 1.2), {}, 1, 5000);
  EXPECT_GT(result.fairness_gap_seconds, 3 * (2 * kWindowSeconds + CostModel{}.Alone(2000)));
}

// The most that a customer was charged over its weight beyond `steady`, from any moment to a later one, until the last
// request has come: then nobody sends any more, and `steady` may stop waiting.
class BeyondObserver final : public scheduling::SchedulerObserver {
 public:
  BeyondObserver(std::string steady, std::uint64_t requests) : steady_(std::move(steady)), to_come_(requests) {}
  double most_beyond_seconds() const { return most_beyond_seconds_; }

  void Accepted(const scheduling::Customer&, const scheduling::PendingRequest&) override { --to_come_; }
  void Charged(const scheduling::Customer& customer, std::string_view, double charged_seconds) override {
    charged_[customer.name] += charged_seconds / customer.policy.weight;
  }
  void Dispatched(const scheduling::Batch&) override {
    if (to_come_ == 0) return;
    const double steady = charged_[steady_];
    for (const auto& [name, charged] : charged_) {
      double& least = least_.try_emplace(name, 0).first->second;
      least = std::min(least, charged - steady);
      most_beyond_seconds_ = std::max(most_beyond_seconds_, charged - steady - least);
    }
  }

 private:
  const std::string steady_;
  std::uint64_t to_come_;
  std::map<std::string, double> charged_;  // over weight
  std::map<std::string, double> least_;    // the least of the differences
  double most_beyond_seconds_ = 0;
};

constexpr double kLeastWeight = 0.5;
constexpr std::uint32_t kLongestInBursts = 250;

// Beside a customer that always waits, three others come in bursts, with more than the backend can do meanwhile.
double MostBeyondWhoeverAlwaysWaits(const scheduling::StrategyChoice& strategy, std::uint64_t seed) {
  workload::Workload workload = Greedy(1, 0);
  simulation::SimulationOptions options;
  for (int i = 0; i < 3; ++i) {
    const std::string name = "bursty-" + std::to_string(i);
    workload.customers.push_back({name,
                                  workload::OnOff{150, 0, std::chrono::seconds(1), std::chrono::seconds(4 + 8 * i)},
                                  {1, 3, workload::UniformLength{20, kLongestInBursts}}});
    options.customers[name].weight = kLeastWeight * (1 + i);
  }
  constexpr std::uint64_t kRequests = 5000;
  simulation::WorkloadFeed feed(workload, workload::Seeds::All(seed), kRequests);
  BeyondObserver observer("greedy-0", kRequests);
  options.strategy = strategy;
  options.observer = &observer;
  options.scheduler.learn_costs = false;
  EXPECT_TRUE(simulation::Simulate(feed, options).ok());
  return observer.most_beyond_seconds();
}

TEST(WeightedFair, LetsNobodySaveUpHoweverItComesAndGoes) {
  const double largest = CostModel{}.Alone(kLongestInBursts) / kLeastWeight;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    EXPECT_LE(MostBeyondWhoeverAlwaysWaits({"weighted_fair", {}}, seed),
              2 * (kWindowSeconds + largest) + kWindowSeconds)
        << seed;
  }
}

// The control: density does not look at the customer of a request.
TEST(Density, LetsWhoeverComesInBurstsGetMoreThanItsShare) {
  EXPECT_GT(MostBeyondWhoeverAlwaysWaits({"density", {}}, 1), 5);
}

// --- One call beside many ---

OneBesideAHog PlayOneBesideAHog(const scheduling::StrategyChoice& strategy) {
  Laboratory laboratory({.requests = 5000});
  return ReadOneBesideAHog(laboratory.Play({kOneBesideAHog, 0, strategy}, 1));
}

// 24 ms a batch: with half of them the one call would be answered after 48 ms.
TEST(WeightedFair, GivesOneCallAQuarterOfTheBackendBesideTwelveOfAHog) {
  for (const char* const window : {"0.05", "0.3", "1"}) {
    const OneBesideAHog one = PlayOneBesideAHog({"weighted_fair", {{"window_seconds", window}}});
    EXPECT_GE(one.share, 0.25) << window;
    EXPECT_LE(one.mean_ms, 110) << window;
  }
}

// The control: forgetting at each answer what the customer was behind lets it wait for all of the hog's calls.
TEST(WeightedFair, WouldGiveItAThirteenthIfEachReturnStartedLevel) {
  const OneBesideAHog one = PlayOneBesideAHog({"weighted_fair", {{"keep_lag_seconds", "0"}}});
  EXPECT_LT(one.share, 0.08);
  EXPECT_GT(one.mean_ms, 300);
}

// The largest distance of a customer's charge from its max-min fair share, as a share of the latter.
double DistanceFromMaxMin(const scheduling::StrategyChoice& strategy) {
  const std::map<std::string, scheduling::CustomerPolicy> policies = {
      {"greedy-0", {3, 0}}, {"greedy-1", {1, 0}}, {"greedy-2", {2, 0}}};
  const simulation::Result result = PlayWeighted(strategy, Greedy(3, 2), policies, 1, 20'000);
  std::map<std::string, double> charged;
  for (const simulation::CustomerResult& customer : result.customers)
    charged[customer.customer] = customer.charged_seconds;
  std::vector<Claim> claims;
  double capacity = 0;
  for (const auto& [name, charged_seconds] : charged) {
    const auto policy = policies.find(name);
    // A greedy customer wants everything.
    claims.push_back(policy == policies.end() ? Claim{charged_seconds, 1} : Claim{1e9, policy->second.weight});
    capacity += charged_seconds;
  }
  const std::vector<double> shares = MaxMinShares(claims, capacity);
  double distance = 0;
  std::size_t place = 0;
  for (const auto& [name, charged_seconds] : charged) {
    distance = std::max(distance, std::abs(charged_seconds - shares[place]) / shares[place]);
    ++place;
  }
  return distance;
}

TEST(MaxMinShares, AreWhatProgressiveFillingGives) {
  EXPECT_EQ(MaxMinShares({{1, 1}, {10, 1}, {10, 1}}, 9), (std::vector<double>{1, 4, 4}));
  EXPECT_EQ(MaxMinShares({{10, 1}, {10, 3}}, 8), (std::vector<double>{2, 6}));
  EXPECT_EQ(MaxMinShares({{1, 1}, {2, 1}}, 9), (std::vector<double>{1, 2}));
}

TEST(WeightedFair, ChargesCustomersTheirMaxMinFairShares) {
  EXPECT_LE(DistanceFromMaxMin({"weighted_fair", {}}), 0.02);
}

TEST(Fair, DoesNotChargeMaxMinFairShares) { EXPECT_GT(DistanceFromMaxMin({"fair", {}}), 0.2); }

}  // namespace
}  // namespace smartbatch::test
