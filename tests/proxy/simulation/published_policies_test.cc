// The published policies: each does what its publication says, on examples and against oracles of the tests' own.
#include "services/proxy/simulation/published/published_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "common/random.h"
#include "services/proxy/simulation/published/turbo.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/trace.h"
#include "services/proxy/simulation/workload_feed.h"
#include "tests/support/scheduler_checker.h"

namespace smartbatch::simulation {
namespace {

using scheduling::Outcome;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct SentRequest {
  double at_ms = 0;
  std::vector<std::uint32_t> lengths;
};

// The lengths of each batch, in the order in which they left, as `moment: lengths`.
std::vector<std::string> Batches(const scheduling::StrategyChoice& strategy, std::uint32_t max_batch_size,
                                 const std::vector<SentRequest>& requests, const CostModel& cost) {
  Trace trace;
  trace.customers = {"a"};
  for (const SentRequest& request : requests) trace.Add(Time(FromSeconds(request.at_ms / 1e3)), 0, request.lengths);
  TraceFeed feed(trace);
  SimulationOptions options;
  options.strategy = strategy;
  options.scheduler.max_batch_size = max_batch_size;
  options.scheduler.learn_costs = false;
  options.backends.front().believed_cost = cost;
  options.backends.front().true_cost = {cost.fixed, cost.quadratic, cost.per_sequence, cost.per_character};
  std::vector<std::string> batches;
  options.on_decision = [&](const SimulatedDecision& decision) {
    std::string text = std::to_string(ToMilliseconds(decision.batch.dispatched.time_since_epoch()));
    text = text.substr(0, text.find('.')) + ":";
    for (const scheduling::BatchMember& member : decision.batch.members) text += " " + std::to_string(member.length);
    batches.push_back(text);
  };
  const auto result = Simulate(feed, options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return batches;
}

// Ten milliseconds, whatever the batch holds.
constexpr CostModel kTenMs = {0.01, 0, 0, 0};

TEST(PublishedPolicies, CannotBeChosenInTheProxy) {
  ASSERT_FALSE(PublishedPolicies().empty());
  for (const auto& policy : PublishedPolicies()) {
    EXPECT_EQ(scheduling::FindStrategy(policy.name), nullptr) << policy.name;
    EXPECT_EQ(scheduling::CheckChoice({policy.name, {}}).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(CheckSimulated({policy.name, {}}).ok()) << policy.name;
    auto proxy = scheduling::Scheduler::Create({}, scheduling::StrategyChoice{"density", {}}, nullptr);
    ASSERT_TRUE(proxy.ok());
    EXPECT_FALSE((*proxy)->SetStrategy({policy.name, {}}).ok()) << policy.name;
  }
  EXPECT_THAT(std::string(CheckSimulated({"nope", {}}).status().message()), HasSubstr("adaptive, triton"));
}

// Everything goes wrong at once; the checker keeps books of its own.
TEST(PublishedPolicies, ServeEverySequenceOnceWhateverGoesWrong) {
  for (const auto& policy : PublishedPolicies()) {
    SimulationOptions options;
    options.strategy = {policy.name, {}};
    options.scheduler.batch_timeout_minimum = milliseconds(500);
    SimulatedBackend& backend = options.backends.front();
    backend.jitter = 0.5;
    backend.faults.error_rate = 0.02;
    backend.faults.slow_rate = 0.02;
    backend.faults.hang_rate = 0.01;
    backend.outages = {{Time(std::chrono::seconds(30)), Time(std::chrono::seconds(35))}};
    options.backends.push_back(backend);
    options.impatience = {0.1, milliseconds(200), 0.2, milliseconds(800)};
    test::SchedulerChecker checker(options.scheduler);
    checker.AllowAnyCancel();
    options.observer = &checker;
    WorkloadFeed feed(workload::MakeBuiltin("seedopen", {}), workload::Seeds::All(1), 4000);
    const auto result = Simulate(feed, options);
    ASSERT_TRUE(result.ok()) << policy.name << ": " << result.status().message();
    EXPECT_EQ(checker.Summary(), "") << policy.name;
    EXPECT_EQ(checker.unfinished(), 0U) << policy.name;
    EXPECT_GT(result->outcomes[Outcome::kAnswered], 1000U) << policy.name;
  }
}

TEST(Triton, TakesWholeRequestsInTheOrderOfArrivalUpToTheFirstThatDoesNotFit) {
  const std::vector<SentRequest> requests = {{0, {1, 2}}, {0, {3}}, {0, {4, 5, 6}}, {0, {7}}};
  EXPECT_THAT(Batches({"triton", {}}, 5, requests, kTenMs), ElementsAre("0: 1 2 3", "10: 4 5 6 7"));
  EXPECT_THAT(Batches({"triton", {{"max_batch_size", "2"}}}, 5, requests, kTenMs),
              ElementsAre("0: 1 2", "10: 3", "20: 4 5 6", "30: 7"));
}

TEST(Triton, DelaysABatchThatCanGrowUntilItsOldestRequestHasWaited) {
  const scheduling::StrategyChoice delayed = {"triton", {{"max_queue_delay_ms", "20"}}};
  EXPECT_THAT(Batches(delayed, 2, {{0, {1}}, {5, {2}}, {30, {3}}}, kTenMs), ElementsAre("5: 1 2", "50: 3"));
  // A next request that does not fit ends the wait.
  EXPECT_THAT(Batches(delayed, 2, {{0, {1}}, {5, {2, 3}}}, kTenMs), ElementsAre("5: 1", "15: 2 3"));
}

TEST(Tei, FillsABatchUpToItsTokensWithPadding) {
  const scheduling::StrategyChoice budget = {"tei", {{"max_batch_tokens", "100"}}};
  // 3 x 30 is within 100, 4 x 30 is not; 60 x 2 is not; 200 alone is more than the budget, and goes alone.
  EXPECT_THAT(Batches(budget, 16, {{0, {30, 10, 20}}, {0, {25, 60, 200, 5}}}, kTenMs),
              ElementsAre("0: 30 10 20", "10: 25", "20: 60", "30: 200", "40: 5"));
  EXPECT_THAT(Batches({"tei", {{"max_batch_requests", "2"}}}, 16, {{0, {1, 2, 3}}}, kTenMs),
              ElementsAre("0: 1 2", "10: 3"));
}

// The least time over every way to cut the lengths into runs.
double LeastTime(const std::vector<std::uint32_t>& lengths, std::size_t from, std::uint32_t most,
                 const CostModel& cost) {
  if (from == lengths.size()) return 0;
  double least = HUGE_VAL;
  for (std::size_t end = from + 1; end <= std::min(lengths.size(), from + most); ++end) {
    least = std::min(least, cost.Seconds(static_cast<std::uint32_t>(end - from), lengths[end - 1]) +
                                LeastTime(lengths, end, most, cost));
  }
  return least;
}

TEST(Turbo, CutsTheLengthsIntoTheBatchesThatTakeTheLeastTimeOfAll) {
  Random random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::uint32_t> lengths(static_cast<std::size_t>(random.Between(1, 11)));
    for (std::uint32_t& length : lengths) length = static_cast<std::uint32_t>(random.Between(1, 500));
    std::sort(lengths.begin(), lengths.end());
    const auto most = static_cast<std::uint32_t>(random.Between(1, 6));
    const CostModel cost = {random.Uniform() * 0.05, random.Chance(0.5) ? 1e-6 : 0, random.Uniform() * 0.01,
                            random.Uniform() * 3e-4};
    double time = 0;
    std::size_t begin = 0;
    for (const std::size_t end : CheapestRuns(lengths, most, cost)) {
      ASSERT_GT(end, begin);
      ASSERT_LE(end - begin, most);
      time += cost.Seconds(static_cast<std::uint32_t>(end - begin), lengths[end - 1]);
      begin = end;
    }
    ASSERT_EQ(begin, lengths.size());
    EXPECT_NEAR(time, LeastTime(lengths, 0, most, cost), 1e-12);
  }
}

TEST(Turbo, RunsARoundToItsEndBeforeItLooksAtTheQueueAgain) {
  // A batch costs 1 ms and 0.1 ms for each sequence and character: similar lengths go together.
  const CostModel cost = {1e-3, 0, 0, 1e-4};
  const std::vector<SentRequest> requests = {{0, {500, 10, 510, 12}}, {1, {11}}};
  EXPECT_THAT(Batches({"turbo", {}}, 4, requests, cost), ElementsAre("0: 10 12", "3: 500 510", "106: 11"));
  EXPECT_THAT(Batches({"turbo", {{"order", "longest_first"}}}, 4, requests, cost),
              ElementsAre("0: 500 510", "103: 10 12", "106: 11"));
}

TEST(Multibin, SendsWholeBatchesOfOneBinAndLearnsBinsOfTheSameShare) {
  SimulationOptions options;
  options.strategy = {"multibin", {{"bins", "2"}}};
  options.scheduler.max_batch_size = 4;
  std::map<bool, int> whole_batches;  // by whether they hold long sequences
  int mixed = 0;
  std::uint64_t dispatched = 0;
  options.on_decision = [&](const SimulatedDecision& decision) {
    const auto& members = decision.batch.members;
    dispatched += members.size();
    if (dispatched < 1500) return;  // while it learns
    const auto is_long = [](const scheduling::BatchMember& member) { return member.length > 100; };
    const auto longs = std::count_if(members.begin(), members.end(), is_long);
    if (longs != 0 && longs != static_cast<std::ptrdiff_t>(members.size())) ++mixed;
    if (members.size() == 4) ++whole_batches[longs > 0];
  };
  workload::Workload workload;
  // Half of the sequences are 100 long or shorter.
  workload.customers.push_back({"short", workload::Poisson{300}, {1, 1, workload::UniformLength{1, 100}}});
  workload.customers.push_back({"long", workload::Poisson{300}, {1, 1, workload::UniformLength{101, 200}}});
  WorkloadFeed feed(workload, workload::Seeds::All(1), 6000);
  const auto result = Simulate(feed, options);
  ASSERT_TRUE(result.ok());
  // The learned bound is a quantile of a sample: a few sequences at it are on the other side.
  EXPECT_LE(mixed, 40);
  EXPECT_GT(whole_batches[false], 300);
  EXPECT_GT(whole_batches[true], 300);
}

TEST(Multibin, SendsWhatItHasRatherThanLetTheBackendIdle) {
  EXPECT_THAT(Batches({"multibin", {}}, 4, {{0, {10}}, {3, {20}}, {5, {30}}}, kTenMs),
              ElementsAre("0: 10", "10: 20 30"));
}

TEST(Clockwork, MissesNoDeadlineOfABatchThatItSendsAndServesMoreInTimeThanFirstComeFirstServed) {
  const auto share_in_time = [](const std::string& strategy, std::uint64_t* late) {
    SimulationOptions options;
    options.strategy = {strategy, {}};
    if (strategy == "fcfs") options.strategy.parameters["linger_ms"] = "0";
    options.scheduler.learn_costs = false;
    options.impatience.deadline_share = 1;
    options.impatience.deadline = milliseconds(600);
    std::uint64_t begun_too_late = 0;
    options.on_ended = [&](std::uint32_t, const scheduling::Finished& finished) {
      // Its last part was sent, and yet the request was not answered.
      if (finished.outcome == Outcome::kExpired && finished.last_dispatch) ++begun_too_late;
    };
    workload::BuiltinOptions builtin;
    builtin.rho = 1.1;
    // One sequence in a request: otherwise a part may be in time and the whole not.
    workload::Workload single = workload::MakeBuiltin("mixed", builtin);
    for (workload::CustomerModel& customer : single.customers) {
      customer.requests.sequences_minimum = customer.requests.sequences_maximum = 1;
    }
    WorkloadFeed singles(workload::Scaled(single, 3), workload::Seeds::All(2), 5000);
    const auto result = Simulate(singles, options);
    EXPECT_TRUE(result.ok());
    *late = begun_too_late;
    return static_cast<double>(result->outcomes[Outcome::kAnswered]) / static_cast<double>(result->outcomes.offered);
  };
  std::uint64_t late = 0;
  const double clockwork = share_in_time("clockwork", &late);
  EXPECT_EQ(late, 0U);
  std::uint64_t control = 0;
  EXPECT_GT(clockwork, share_in_time("fcfs", &control));
  EXPECT_GT(control, 0U) << "the load is too light to show anything";
}

TEST(Clockwork, TakesTheEarliestDeadlinesFirst) {
  // Without deadlines: the order of arrival, full batches.
  EXPECT_THAT(Batches({"clockwork", {}}, 3, {{0, {5, 1}}, {0, {9}}, {0, {2}}}, kTenMs),
              ElementsAre("0: 5 1 9", "10: 2"));
}

}  // namespace
}  // namespace smartbatch::simulation
