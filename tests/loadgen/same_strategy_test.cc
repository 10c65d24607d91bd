// Strategies compared with themselves: the statistics must not find a difference that is not there, and must find one
// that is.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/workload/workload.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/workload_feed.h"
#include "tools/loadgen/analysis/comparison.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::uint64_t kRepeats = 5;

struct Arm {
  std::string strategy;
  // The factor on the classifier's time for a batch.
  double slowness = 1;
  // In one block.
  std::uint64_t requests = 1500;
  // The seed of the machine's noise, which is never the same again; the arrivals and sizes come with the repeat.
  std::uint64_t noise = 1;
};

struct Figures {
  Series mean;
  Series median;
  Series rate;
};

// One strategy as `loadgen compare` measures it, in virtual time: each batch takes 20 % more or less at random.
Figures Measure(const Arm& arm, const std::string& label, std::uint64_t first_seed) {
  Figures figures{{label, {}}, {label, {}}, {label, {}}};
  const workload::Workload workload = workload::MakeBuiltin("eight-and-eight", {});
  for (std::uint64_t repeat = 0; repeat < kRepeats; ++repeat) {
    simulation::WorkloadFeed feed(workload, workload::Seeds::All(first_seed + repeat), arm.requests);
    simulation::SimulationOptions options;
    options.strategy = {arm.strategy, {}};
    options.backends.front().jitter = 0.2;
    options.backends.front().true_cost.quadratic *= arm.slowness;
    options.seed = 1000 * arm.noise + repeat;
    const auto result = simulation::Simulate(feed, options);
    EXPECT_TRUE(result.ok()) << result.status();
    figures.mean.values.push_back(result->latency_ms.mean);
    figures.median.values.push_back(result->latency_ms.p50.value());
    figures.rate.values.push_back(result->throughput_per_second);
  }
  return figures;
}

// Whether a comparison, with all its questions and Holm's correction, calls the two different.
bool CallsDifferent(const Arm& first, const Arm& second, std::uint64_t first_seed) {
  const Figures a = Measure(first, "first", first_seed);
  const Figures b = Measure(second, "second", first_seed);
  std::vector<Difference> differences;
  for (Series Figures::*const figure : {&Figures::mean, &Figures::median, &Figures::rate}) {
    const auto found = PairedDifferences("figure", "", {a.*figure, b.*figure});
    differences.insert(differences.end(), found.begin(), found.end());
  }
  CorrectForMany(differences);
  for (const Difference& difference : differences) {
    if (difference.significant()) return true;
  }
  return false;
}

// How many of the comparisons, each with seeds of its own, call the two different.
int CalledDifferent(std::uint64_t comparisons, Arm first, Arm second) {
  int different = 0;
  for (std::uint64_t i = 0; i < comparisons; ++i) {
    first.noise = 2 * i + 1;
    second.noise = 2 * i + 2;
    if (CallsDifferent(first, second, 100 * i)) ++different;
  }
  return different;
}

// At 95 % two of twenty are allowed. Only twenty comparisons would break that by chance in one test of thirteen; a
// hundred do not.
TEST(AStrategyComparedWithItself, IsCalledDifferentInNoMoreThanTwoOfTwentyComparisons) {
  for (const char* const strategy : {"density", "fcfs"}) {
    const int different = CalledDifferent(100, {strategy}, {strategy});
    EXPECT_LE(different, 10) << strategy;
    RecordProperty(std::string(strategy) + "_different", different);
  }
}

TEST(AStrategyComparedWithItself, IsCalledDifferentIfTheClassifierIsSlowerByATenth) {
  // Not density: it makes up for so little by larger batches.
  EXPECT_GE(CalledDifferent(20, {"fcfs", 1, 4000}, {"fcfs", 1.1, 4000}), 19);
}

}  // namespace
}  // namespace smartbatch::loadgen
