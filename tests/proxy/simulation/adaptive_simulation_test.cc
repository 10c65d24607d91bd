// The advisor behind `adaptive`, followed through half an hour of steady traffic.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "services/proxy/scheduling/observer.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/workload_feed.h"

namespace smartbatch::simulation {
namespace {

class SwitchCounter final : public scheduling::SchedulerObserver {
 public:
  int switches() const { return switches_; }
  void StrategyChanged(std::string_view, std::string_view, scheduling::SwitchedBy by) override {
    switches_ += by == scheduling::SwitchedBy::kAdvice ? 1 : 0;
  }

 private:
  int switches_ = 0;
};

int SwitchesOf(const std::string& workload, double rho, const std::string& objective, std::uint64_t requests) {
  const workload::Workload made = workload::MakeBuiltin(workload, {rho, 5, {}});
  WorkloadFeed feed(made, workload::Seeds::All(1), requests);
  SwitchCounter counter;
  SimulationOptions options;
  options.strategy = {"adaptive", {{"objective", objective}}};
  options.observer = &counter;
  options.scheduler.latency_objective = std::chrono::seconds(1);
  EXPECT_TRUE(Simulate(feed, options).ok());
  return counter.switches();
}

struct SteadyTraffic {
  std::string name;
  std::string workload;
  double load;
  std::string objective;
};

void PrintTo(const SteadyTraffic& traffic, std::ostream* out) { *out << traffic.name; }

class AdaptiveOnSteadyTraffic : public ::testing::TestWithParam<SteadyTraffic> {};

TEST_P(AdaptiveOnSteadyTraffic, DoesNotFlapInHalfAnHour) {
  const SteadyTraffic& traffic = GetParam();
  EXPECT_LE(SwitchesOf(traffic.workload, traffic.load, traffic.objective, 16'000), 1);
}

INSTANTIATE_TEST_SUITE_P(Simulation, AdaptiveOnSteadyTraffic,
                         ::testing::Values(SteadyTraffic{"snippets_mean", "seedopen", 0.5, "mean"},
                                           SteadyTraffic{"snippets_p99", "seedopen", 0.5, "p99"},
                                           SteadyTraffic{"snippets_worst_customer_p99", "seedopen", 0.5,
                                                         "worst_customer_p99"},
                                           SteadyTraffic{"snippets_fairness", "seedopen", 0.5, "fairness"},
                                           SteadyTraffic{"snippets_on_time", "seedopen", 0.5, "on_time"},
                                           SteadyTraffic{"mixed_p99", "mixed", 0.6, "p99"}),
                         [](const auto& traffic) { return traffic.param.name; });

}  // namespace
}  // namespace smartbatch::simulation
