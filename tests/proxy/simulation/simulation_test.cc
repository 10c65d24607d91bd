// The simulation itself: compared with theory, with itself, and with everything going wrong.
#include "services/proxy/simulation/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/report.h"
#include "services/proxy/simulation/trace.h"
#include "services/proxy/simulation/workload_feed.h"
#include "tests/support/scheduler_checker.h"

namespace smartbatch::simulation {
namespace {

using scheduling::Outcome;
using testing::HasSubstr;
using workload::Seeds;

workload::Workload OneCustomer(workload::ArrivalModel arrivals, workload::RequestModel requests) {
  workload::Workload workload;
  workload.customers.push_back({"a", arrivals, requests});
  return workload;
}

workload::Workload Seedopen(double rho) {
  workload::BuiltinOptions options;
  options.rho = rho;
  return workload::MakeBuiltin("seedopen", options);
}

scheduling::StrategyChoice EagerFcfs() { return {"fcfs", {{"linger_ms", "0"}}}; }

Result Play(const workload::Workload& workload, const SimulationOptions& options, std::uint64_t requests,
            std::uint64_t seed = 1) {
  WorkloadFeed feed(workload, Seeds::All(seed), requests);
  auto result = Simulate(feed, options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return *std::move(result);
}

// Decisions and report as text.
std::string Bytes(std::uint64_t seed, const scheduling::StrategyChoice& strategy) {
  std::string bytes;
  SimulationOptions options;
  options.strategy = strategy;
  options.seed = seed;
  options.backends.front().jitter = 0.3;
  options.backends.front().faults.error_rate = 0.01;
  options.impatience.cancel_share = 0.05;
  options.on_decision = [&](const SimulatedDecision& decision) { bytes += DecisionLine(decision); };
  const Result result = Play(Seedopen(0.6), options, 1500, seed);
  return bytes + ReportJson({}, {result});
}

TEST(Simulation, GivesTheSameBytesForTheSameSeedAndOthersForAnother) {
  for (const auto& strategy : scheduling::AllStrategies()) {
    const std::string once = Bytes(1, {strategy.name, {}});
    EXPECT_EQ(once, Bytes(1, {strategy.name, {}})) << strategy.name;
    EXPECT_NE(once, Bytes(2, {strategy.name, {}})) << strategy.name;
  }
}

// M/D/1: mean latency = s + rho s / (2 (1 - rho)) (Pollaczek and Khinchine).
TEST(Simulation, AgreesWithTheoryForOneQueueOfEqualRequests) {
  const double service = 0.01;
  for (const double rho : {0.3, 0.7}) {
    SimulationOptions options;
    options.strategy = EagerFcfs();
    options.scheduler.max_batch_size = 1;
    const Result result = Play(OneCustomer(workload::Poisson{rho / service}, {1, 1, workload::UniformLength{100, 100}}),
                               options, 200'000);
    const double expected_ms = 1e3 * (service + rho * service / (2 * (1 - rho)));
    EXPECT_NEAR(result.latency_ms.mean, expected_ms, 0.03 * expected_ms) << rho;
    EXPECT_NEAR(result.busy_share, rho, 0.01);
    EXPECT_NEAR(result.throughput_per_second, rho / service, 0.01 * rho / service);
  }
}

TEST(Simulation, ServesAsManyAtOnceAsThereAreSlots) {
  SimulationOptions options;
  options.strategy = EagerFcfs();
  options.scheduler.max_batch_size = 1;
  options.warmup_share = 0;
  options.backends.front().slots = 2;
  options.backends.push_back(options.backends.front());
  Trace trace;
  trace.customers = {"a"};
  const std::vector<std::uint32_t> lengths = {100};
  for (int i = 0; i < 40; ++i) trace.Add(Time{}, 0, lengths);
  TraceFeed feed(trace);
  const auto result = Simulate(feed, options);
  ASSERT_TRUE(result.ok());
  EXPECT_DOUBLE_EQ(result->latency_ms.max, 100);  // 40 of 10 ms, four at a time
  EXPECT_DOUBLE_EQ(result->busy_share, 1);
}

TEST(Simulation, KeepsAClosedLoopWaitingForItsAnswer) {
  SimulationOptions options;
  options.strategy = EagerFcfs();
  const Result result =
      Play(OneCustomer(workload::ClosedLoop{std::chrono::milliseconds(90)}, {1, 1, workload::UniformLength{100, 100}}),
           options, 1000);
  EXPECT_DOUBLE_EQ(result.latency_ms.mean, 10);
  EXPECT_NEAR(result.throughput_per_second, 10, 0.1);
}

TEST(Simulation, NeverBeatsTheLowerBound) {
  for (const auto& strategy : scheduling::AllStrategies()) {
    SimulationOptions options;
    options.strategy = {strategy.name, {}};
    options.poisson_arrivals = true;
    const Result result = Play(Seedopen(0.5), options, 4000);
    ASSERT_TRUE(result.lower_bound_ms.has_value());
    EXPECT_GT(result.latency_ms.mean, *result.lower_bound_ms) << strategy.name;
  }
}

SimulationOptions PoissonArrivals(const CostModel& cost) {
  SimulationOptions options;
  options.poisson_arrivals = true;
  options.warmup_share = 0;
  options.backends.front().true_cost = options.backends.front().believed_cost = cost;
  return options;
}

TEST(Simulation, NeverBeatsTheLowerBoundWhereRidersCostSomething) {
  for (const CostModel& cost : {CostModel{.fixed = 0.01, .quadratic = 0, .per_character = 1e-3},
                                CostModel{.fixed = 0.1, .quadratic = 0, .per_character = 1e-3},
                                CostModel{.fixed = 0.1, .quadratic = 0, .per_character = 1e-3, .knee = 3},
                                CostModel{.fixed = 0, .quadratic = 1e-6, .per_sequence = 0.02}}) {
    for (const auto& strategy : scheduling::AllStrategies()) {
      SimulationOptions options = PoissonArrivals(cost);
      options.strategy = {strategy.name, {}};
      const Result result =
          Play(OneCustomer(workload::Poisson{2}, {1, 2, workload::UniformLength{10, 300}}), options, 4000);
      ASSERT_TRUE(result.lower_bound_ms.has_value());
      EXPECT_GT(result.latency_ms.mean, *result.lower_bound_ms) << strategy.name;
    }
  }
}

// Where a second sequence costs as much as the first, all that order can change is how long the others wait. First
// come, first served waits for rho c / 2 / (1 - rho) if all texts are alike (Pollaczek and Khinchine), and what is
// found running is (1 - rho) times that.
TEST(Simulation, LowerBoundHasAllOfTheBatchThatRunsWhereRidersCostAsMuchAsAlone) {
  constexpr double kRho = 0.8;
  constexpr double kMilliseconds = 10;
  SimulationOptions options = PoissonArrivals({.quadratic = 0, .per_character = 1e-4});
  options.strategy = EagerFcfs();
  options.scheduler.max_batch_size = 1;
  const workload::Workload texts =
      OneCustomer(workload::Poisson{1e3 * kRho / kMilliseconds}, {1, 1, workload::UniformLength{100, 100}});
  const Result alone = Play(texts, options, 200'000);
  const double bound = alone.lower_bound_ms.value() - kMilliseconds;
  EXPECT_NEAR(bound, kRho * kMilliseconds / 2, 0.05);
  EXPECT_NEAR(bound / (alone.latency_ms.mean - kMilliseconds), 1 - kRho, 0.02);

  options.scheduler.max_batch_size = 5;
  EXPECT_DOUBLE_EQ(Play(texts, options, 200'000).lower_bound_ms.value() - kMilliseconds, bound);
}

// With two sequences for the price of one, half of the square is left.
TEST(Simulation, LowerBoundSharesTheBatchThatRunsAmongFreeRiders) {
  SimulationOptions options = PoissonArrivals({.fixed = 0.01, .quadratic = 0});
  options.strategy = EagerFcfs();
  options.scheduler.max_batch_size = 2;
  const Result result =
      Play(OneCustomer(workload::Poisson{80}, {1, 1, workload::UniformLength{100, 100}}), options, 200'000);
  EXPECT_NEAR(result.lower_bound_ms.value() - 10, 0.8 * 10 / 2 / 2, 0.05);
}

TEST(Simulation, ChargesWhatTheBatchesCost) {
  SimulationOptions options;
  options.strategy = {"sjf", {}};
  options.warmup_share = 0;
  double cost = 0;
  options.on_decision = [&](const SimulatedDecision& decision) { cost += decision.batch.predicted_seconds; };
  const Result result = Play(Seedopen(0.5), options, 5000);
  double charged = 0;
  for (const CustomerResult& customer : result.customers) charged += customer.charged_seconds;
  EXPECT_NEAR(charged, cost, 1e-6 * cost);
}

TEST(Simulation, SwitchesTheStrategyAtTheGivenTimes) {
  SimulationOptions options;
  options.strategy = {"fcfs", {}};
  options.switches = {{Time(std::chrono::seconds(20)), {"sjf", {}}}, {Time(std::chrono::seconds(40)), {"density", {}}}};
  int wrong = 0;
  options.on_decision = [&](const SimulatedDecision& decision) {
    const Duration at = decision.batch.dispatched.time_since_epoch();
    const char* const expected = at < std::chrono::seconds(20)   ? "fcfs"
                                 : at < std::chrono::seconds(40) ? "sjf"
                                                                 : "density";
    wrong += decision.batch.strategy == expected ? 0 : 1;
  };
  const Result result = Play(Seedopen(0.5), options, 1000);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(result.outcomes[Outcome::kAnswered], 1000U);
}

// Everything at once, watched by the checker.
TEST(Simulation, AccountsForEveryRequestWhateverGoesWrong) {
  for (const auto& strategy : scheduling::AllStrategies()) {
    SimulationOptions options;
    options.strategy = {strategy.name, {}};
    options.scheduler.batch_timeout_minimum = std::chrono::milliseconds(500);
    options.switches = {{Time(std::chrono::seconds(50)), {"sjf", {}}},
                        {Time(std::chrono::seconds(100)), {strategy.name, {}}}};
    SimulatedBackend& backend = options.backends.front();
    backend.jitter = 0.5;
    backend.faults.error_rate = 0.02;
    backend.faults.slow_rate = 0.02;
    backend.faults.hang_rate = 0.01;
    backend.outages = {{Time(std::chrono::seconds(30)), Time(std::chrono::seconds(35))}};
    options.backends.push_back(backend);
    options.backends.back().outages = {{Time(std::chrono::seconds(32)), Time(std::chrono::seconds(60))}};
    options.impatience = {0.1, std::chrono::milliseconds(200), 0.2, std::chrono::milliseconds(800)};
    test::SchedulerChecker checker(options.scheduler);
    checker.AllowAnyCancel();
    options.observer = &checker;
    const Result result = Play(Seedopen(0.8), options, 4000);
    EXPECT_EQ(checker.Summary(), "") << strategy.name;
    EXPECT_EQ(checker.unfinished(), 0U);
    std::uint64_t sum = 0;
    for (const std::uint64_t count : result.outcomes.by_outcome) sum += count;
    EXPECT_EQ(sum, 4000U);
    for (const Outcome outcome :
         {Outcome::kAnswered, Outcome::kExpired, Outcome::kCancelled, Outcome::kBackendFailed}) {
      EXPECT_GT(result.outcomes[outcome], 0U) << strategy.name << " " << Name(outcome);
    }
    EXPECT_FALSE(result.lower_bound_ms.has_value());
  }
}

TEST(Simulation, RefusesWhatItCannotPlay) {
  const workload::Workload workload = Seedopen(0.5);
  const auto message = [&](const SimulationOptions& options) {
    WorkloadFeed feed(workload, Seeds::All(1), 100);
    return std::string(Simulate(feed, options).status().message());
  };
  SimulationOptions options;
  options.strategy = {"nope", {}};
  EXPECT_THAT(message(options), HasSubstr("there is no strategy 'nope'"));
  options = {};
  options.warmup_share = 1.5;
  EXPECT_THAT(message(options), HasSubstr("warmup_share is 1.5"));
  options = {};
  options.backends.front().jitter = -1;
  EXPECT_THAT(message(options), HasSubstr("jitter is -1"));
  options = {};
  options.switches = {{Time(Duration(5)), {"sjf", {}}}, {Time(Duration(1)), {"sjf", {}}}};
  EXPECT_THAT(message(options), HasSubstr("in order of time"));
  options = {};
  options.keep_going = [](std::uint64_t) { return false; };
  EXPECT_THAT(message(options), HasSubstr("told to stop"));
  Trace large;
  large.customers = {"a"};
  large.Add(Time{}, 0, std::vector<std::uint32_t>(scheduling::kMostSequences + 1, 10));
  TraceFeed feed(large);
  EXPECT_THAT(std::string(Simulate(feed, {}).status().message()), HasSubstr("holds 4097 sequences"));
}

TEST(LeastUtilization, SaysWhatPerfectPackingWouldTake) {
  // 10 requests a second of 5 sequences of 100 characters: 10 full batches of 10 ms.
  const workload::Workload workload =
      OneCustomer(workload::ConstantRate{10}, {5, 5, workload::UniformLength{100, 100}});
  EXPECT_NEAR(LeastUtilization(workload, {}, 5, 1), 0.1, 1e-9);
  EXPECT_NEAR(LeastUtilization(workload, {}, 5, 2), 0.05, 1e-9);
  EXPECT_NEAR(LeastUtilization(workload, {0, 0, 1e-3, 0}, 5, 1), 0.05, 1e-9);
}

TEST(Report, HoldsEveryFieldOfItsSchema) {
  SimulationOptions options;
  options.strategy = {"density", {}};
  const Result result = Play(Seedopen(0.5), options, 2000);
  const nlohmann::json json = nlohmann::json::parse(ReportJson({"seedopen", 0.5, 2000, 1, 0.1, 5, 1, 1}, {result}));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["workload"]["name"], "seedopen");
  ASSERT_EQ(json["results"].size(), 1U);
  const nlohmann::json& shown = json["results"][0];
  EXPECT_EQ(shown["strategy"], "density");
  EXPECT_EQ(shown["parameters"]["split"], true);
  EXPECT_EQ(shown["parameters"]["length_ratio"], 1.25);
  EXPECT_EQ(shown["requests"], 1800);
  for (const char* const field : {"mean", "p50", "p90", "p99", "max"})
    EXPECT_TRUE(shown["latency_ms"][field].is_number());
  // 1,800 samples have fewer than ten above the 99.9th percentile.
  EXPECT_TRUE(shown["latency_ms"]["p999"].is_null());
  for (const char* const field :
       {"throughput_per_second", "busy_share", "batch_sequences_mean", "padding_share", "slowdown",
        "worst_customer_slowdown", "charged_share_index", "fairness_gap_seconds", "lower_bound_ms"}) {
    EXPECT_TRUE(shown[field].is_number()) << field;
  }
  EXPECT_EQ(shown["outcomes"]["answered"], 2000);
  EXPECT_EQ(shown["customers"].size(), 12U);
  EXPECT_TRUE(shown["customers"][0]["charged_seconds"].is_number());
  EXPECT_TRUE(shown["customers"][0]["slowdown"].is_number());
}

// A request takes 10 ms alone: at 20 a second none waits for another, and one that comes together with another waits
// for it or travels with it.
TEST(Fairness, IsASlowdownOfOneWithoutWaitingAndOfTwoBehindAnEqual) {
  SimulationOptions options;
  options.strategy = EagerFcfs();
  options.warmup_share = 0;
  options.scheduler.max_batch_size = 1;
  workload::Workload workload = OneCustomer(workload::ConstantRate{20}, {1, 1, workload::UniformLength{100, 100}});
  const Result alone = Play(workload, options, 100);
  EXPECT_NEAR(alone.fairness.slowdown.value(), 1, 1e-9);
  EXPECT_NEAR(alone.fairness.worst_customer_slowdown.value(), 1, 1e-9);
  EXPECT_NEAR(alone.fairness.share_index.value(), 1, 1e-9);
  // The same moments: the second one waits 10 ms, and its weight of 3 makes its share a third.
  workload.customers.push_back(workload.customers.front());
  workload.customers.back().name = "second";
  options.customers["second"].weight = 3;
  const Result two = Play(workload, options, 200);
  EXPECT_NEAR(two.fairness.slowdown.value(), 1.5, 1e-9);
  EXPECT_NEAR(two.fairness.worst_customer_slowdown.value(), 2, 1e-9);
  EXPECT_NEAR(two.fairness.share_index.value(), 16.0 / 9 / (2 * (1 + 1.0 / 9)), 1e-9);
}

// --- Traces ---

TEST(ATrace, PlaysBackAsItWasRecorded) {
  const workload::Workload workload = Seedopen(0.5);
  SimulationOptions options;
  options.strategy = {"sjf", {}};
  WorkloadFeed feed(workload, Seeds::All(1), 2000);
  RecordingFeed recording(feed);
  const std::string first = ReportJson({}, {*Simulate(recording, options)});
  std::stringstream file;
  WriteTrace(recording.trace(), file);
  const auto trace = ReadTrace(file, {});
  ASSERT_TRUE(trace.ok()) << trace.status().message();
  EXPECT_EQ(trace->records.size(), 2000U);
  TraceFeed replay(*trace);
  const Result again = *Simulate(replay, options);
  // The customers come in another order: that of their first requests.
  const Result original = *[&] {
    WorkloadFeed same(workload, Seeds::All(1), 2000);
    return Simulate(same, options);
  }();
  EXPECT_EQ(again.latency_ms.p99, original.latency_ms.p99);
  EXPECT_NEAR(again.latency_ms.mean, original.latency_ms.mean, 1e-9 * original.latency_ms.mean);
  EXPECT_EQ(again.outcomes.by_outcome, original.outcomes.by_outcome);
}

TEST(ATrace, MayBeADecisionLogWhoseFirstRequestIsItsBeginning) {
  std::stringstream log(R"({"event":"start","schema_version":3}
{"event":"asked","time_ms":7}
{"event":"request","timestamp_ms":281873.955059,"request":0,"customer":"a","lengths":[3],"deadline_ms":281874,"kind":1}
{"event":"batch","time_ms":281874,"batch":1,"members":[[0,0]]}
{"event":"request","timestamp_ms":281874.955059,"request":1,"customer":"b","lengths":[58,58],"deadline_ms":5}
)");
  const auto trace = ReadTrace(log, {});
  ASSERT_TRUE(trace.ok()) << trace.status().message();
  ASSERT_EQ(trace->records.size(), 2U);
  EXPECT_EQ(trace->records[0].time, Time());
  EXPECT_EQ(trace->records[0].deadline, Time(std::chrono::nanoseconds(44'941)));
  EXPECT_EQ(trace->records[1].time, Time(milliseconds(1)));
  EXPECT_EQ(trace->records[1].deadline, Time());
  EXPECT_THAT(trace->LengthsOf(trace->records[1]), ::testing::ElementsAre(58, 58));
  std::stringstream idle(R"({"timestamp_ms":5,"customer":"a","lengths":[3]})");
  EXPECT_EQ(ReadTrace(idle, {})->records[0].time, Time(milliseconds(5)));
}

std::string ErrorOf(const std::string& text) {
  std::stringstream file(text);
  return std::string(ReadTrace(file, {5, 1000}).status().message());
}

TEST(ATrace, NamesTheLineThatIsWrong) {
  const std::string good = R"({"timestamp_ms": 5, "customer": "a", "lengths": [10]})"
                           "\n";
  EXPECT_EQ(ErrorOf(good + "\n" + good), "");
  EXPECT_EQ(ErrorOf(""), "the trace holds no request");
  EXPECT_THAT(ErrorOf(good + "{"), HasSubstr("line 2: not a JSON object"));
  EXPECT_THAT(ErrorOf(good + good + R"({"customer": "a", "lengths": [10]})"), HasSubstr("line 3: 'timestamp_ms'"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": -1, "customer": "a", "lengths": [10]})"),
              HasSubstr("line 1: 'timestamp_ms' is -1"));
  EXPECT_THAT(ErrorOf(good + R"({"timestamp_ms": 4, "customer": "a", "lengths": [10]})"),
              HasSubstr("line 2: 'timestamp_ms' 4 is before"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "", "lengths": [10]})"), HasSubstr("line 1: 'customer'"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "a b", "lengths": [10]})"), HasSubstr("line 1: 'customer'"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "a"})"),
              HasSubstr("line 1: 'lengths' must be a list of 1 to 5"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "a", "lengths": [1,2,3,4,5,6]})"), HasSubstr("'lengths'"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "a", "lengths": [0]})"), HasSubstr("the length 0"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "a", "lengths": [1001]})"), HasSubstr("from 1 to 1000"));
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "a", "lengths": [1.5]})"), HasSubstr("the length 1.5"));
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_THAT(ErrorOf(R"({"timestamp_ms": 1, "customer": "a", "lengths": )" + deep + "}"), HasSubstr("not lists"));
}

}  // namespace
}  // namespace smartbatch::simulation
