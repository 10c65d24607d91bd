// More work than can be done, and backends that go, in virtual time: what is refused, waits, and is lost.
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "common/statistics.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/workload_feed.h"

namespace smartbatch::test {
namespace {

using std::chrono::seconds;

// What happened to the customers whose names begin with `victim`, and to the others.
class Outcomes final : public scheduling::SchedulerObserver {
 public:
  void Rejected(std::string_view customer, std::string_view, scheduling::RejectReason) override {
    ++(IsVictim(customer) ? victims_refused : others_refused);
  }
  void Ended(const scheduling::Finished& finished) override {
    const bool victim = IsVictim(finished.customer);
    if (finished.outcome == scheduling::Outcome::kShed) ++(victim ? victims_refused : others_refused);
    if (finished.outcome != scheduling::Outcome::kAnswered || !victim) return;
    victims_ms.Add(ToMilliseconds(finished.finish - finished.arrival));
  }

  std::uint64_t victims_refused = 0;
  std::uint64_t others_refused = 0;
  Sample victims_ms;

 private:
  static bool IsVictim(std::string_view customer) { return customer.rfind("victim", 0) == 0; }
};

struct Flood {
  std::uint64_t victims_refused = 0;
  std::uint64_t hog_refused = 0;
  // The victims' 99th percentile with the hog divided by that without it.
  double harm = 0;
};

// Ten customers at 0.4 of what the backend can do together and one that sends ten times its share, an eleventh, into a
// queue of 20 s of predicted cost; and the ten alone, with the same requests. (A limit of 200 requests would be
// different: 200 cheap ones cost less than a single long text of a victim, and room is taken from whoever has the most
// cost waiting.)
Flood PlayFlood(const char* workload_name, const scheduling::StrategyChoice& strategy, std::uint64_t requests) {
  workload::BuiltinOptions builtin;
  builtin.rho = 10.0 / 11;
  workload::Workload workload = workload::MakeBuiltin(workload_name, builtin);
  Outcomes with_hog;
  Outcomes quiet;
  for (Outcomes* const outcomes : {&with_hog, &quiet}) {
    simulation::SimulationOptions options;
    options.scheduler.max_queued_cost = seconds(20);
    options.strategy = strategy;
    options.observer = outcomes;
    simulation::WorkloadFeed feed(workload, workload::Seeds::All(1), requests);
    EXPECT_TRUE(simulation::Simulate(feed, options).ok());
    // The hog is the last customer, so the others' requests stay the same.
    requests = with_hog.victims_ms.count();
    EXPECT_EQ(workload.customers.back().name, outcomes == &with_hog ? "flooder" : "victim-10");
    workload.customers.pop_back();
    if (outcomes == &with_hog) {
      EXPECT_EQ(workload.customers.size(), 10U);
    }
  }
  std::printf("%s, %s: the victims' p99 %.1f ms with the hog, %.1f ms without; of the hog %" PRIu64
              " refused, of them %" PRIu64 "\n",
              workload_name, strategy.name.c_str(), with_hog.victims_ms.Percentile(99), quiet.victims_ms.Percentile(99),
              with_hog.others_refused, with_hog.victims_refused);
  return {with_hog.victims_refused, with_hog.others_refused,
          with_hog.victims_ms.Percentile(99) / quiet.victims_ms.Percentile(99)};
}

const scheduling::StrategyChoice kIsolating{"weighted_fair", {{"window_seconds", "0.05"}}};

TEST(AHogAtTenTimesItsShare, NeitherHasTheOthersRefusedNorSlowedDownBeyondBounds) {
  for (const char* const workload : {"flood-short", "flood-long"}) {
    const Flood flood = PlayFlood(workload, kIsolating, std::string(workload) == "flood-short" ? 200'000 : 60'000);
    EXPECT_EQ(flood.victims_refused, 0U) << workload;
    EXPECT_GT(flood.hog_refused, 1000U) << workload;
    EXPECT_LE(flood.harm, 1.6) << workload;
  }
}

// The control.
TEST(AHogAtTenTimesItsShare, HarmsTheOthersIfNothingIsolatesThem) {
  EXPECT_GT(PlayFlood("flood-long", {"fcfs", {{"linger_ms", "0"}}}, 60'000).harm, 3);
}

TEST(OneOfThreeBackends, MayGoAndComeBackWithoutARequestBeingLost) {
  workload::BuiltinOptions builtin;
  builtin.rho = 1.2;  // of one backend
  simulation::WorkloadFeed feed(workload::MakeBuiltin("seedopen", builtin), workload::Seeds::All(1), 30'000);
  simulation::SimulationOptions options;
  options.backends.assign(3, simulation::SimulatedBackend{});
  for (int i = 0; i < 3; ++i) options.backends[static_cast<std::size_t>(i)].name = "backend-" + std::to_string(i);
  for (int i = 0; i < 50; ++i) {
    options.backends[0].outages.push_back({Time(seconds(2 * i + 1)), Time(seconds(2 * i + 2))});
  }
  const auto result = simulation::Simulate(feed, options);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->outcomes[scheduling::Outcome::kAnswered], 30'000U);
}

}  // namespace
}  // namespace smartbatch::test
