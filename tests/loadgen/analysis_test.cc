#include "tools/loadgen/analysis/analysis.h"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/loadgen/analysis/validity.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

RequestRecord Answered(std::uint32_t customer, int scheduled_ms, int latency_ms) {
  RequestRecord record;
  record.customer = customer;
  record.sequences = 2;
  record.batch_share = 0.5;
  record.scheduled = milliseconds(scheduled_ms);
  record.sent = record.scheduled + std::chrono::microseconds(100);
  record.done = record.scheduled + milliseconds(latency_ms);
  return record;
}

// 10 s measured after 1 s; customer A01 takes 1..n ms, A02 the same, B 100 ms more.
Block MakeBlock(const std::string& strategy, std::uint32_t repeat, int requests, int extra_ms) {
  Block block;
  block.workload = "test";
  block.strategy.name = strategy;
  block.repeat = repeat;
  block.warm_up = seconds(1);
  block.measured = seconds(10);
  block.customers = {"A01", "A02", "B"};
  for (int i = 1; i <= requests; ++i) {
    block.records.push_back(Answered(0, 1000 + i, i + extra_ms));
    block.records.push_back(Answered(1, 1000 + i, i + extra_ms));
    block.records.push_back(Answered(2, 1000 + i, i + extra_ms + 100));
  }
  return block;
}

TEST(GroupOf, LeavesOutTheNumberAtTheEnd) {
  EXPECT_EQ(GroupOf("A01"), "A");
  EXPECT_EQ(GroupOf("mouse-007"), "mouse");
  EXPECT_EQ(GroupOf("flooder"), "flooder");
  EXPECT_EQ(GroupOf("2024"), "2024");
  EXPECT_EQ(GroupOf("v2-x"), "v2-x");
}

TEST(Analysis, CountsLatencyFromTheMomentARequestWasDue) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 40, 0));
  for (RequestRecord& record : results.blocks[0].records) record.sent = record.done;
  const Analysis analysis = Analyze(results);
  EXPECT_DOUBLE_EQ(analysis.workloads[0].strategies[0].requests.customers[0].latency.mean, 20.5);
}

TEST(Analysis, GivesFiguresForAllForGroupsAndForCustomers) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 100, 0));
  const Analysis analysis = Analyze(results);
  const StrategySummary& fcfs = analysis.workloads.at(0).strategies.at(0);
  EXPECT_EQ(fcfs.requests.all.answered, 300U);
  EXPECT_DOUBLE_EQ(fcfs.requests.all.answered_per_second, 30);
  ASSERT_EQ(fcfs.requests.groups.size(), 2U);
  EXPECT_EQ(fcfs.requests.groups[0].name, "A");
  EXPECT_EQ(fcfs.requests.groups[0].answered, 200U);
  EXPECT_DOUBLE_EQ(fcfs.requests.groups[0].latency.mean, 50.5);
  EXPECT_DOUBLE_EQ(fcfs.requests.groups[1].latency.mean, 150.5);
  EXPECT_DOUBLE_EQ(fcfs.requests.groups[1].latency.minimum, 101);
  EXPECT_DOUBLE_EQ(fcfs.requests.groups[1].latency.maximum, 200);
  EXPECT_EQ(fcfs.requests.customers.size(), 3U);
  EXPECT_DOUBLE_EQ(fcfs.sequences_per_batch, 4);
  EXPECT_DOUBLE_EQ(fcfs.batches_per_second, 15);
}

TEST(Analysis, LeavesWarmUpOut) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 30, 0));
  results.blocks[0].records.push_back(Answered(0, 999, 5000));
  EXPECT_DOUBLE_EQ(Analyze(results).workloads[0].strategies[0].requests.all.latency.maximum, 130);
}

TEST(Analysis, LeavesOutAPercentileWithTooFewSamples) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 100, 0));
  const Analysis analysis = Analyze(results);
  const LatencySummary& b = analysis.workloads[0].strategies[0].requests.groups[1].latency;
  EXPECT_EQ(b.p50, 150);
  EXPECT_EQ(b.p90, 190);
  EXPECT_FALSE(b.p95.has_value());
  EXPECT_FALSE(b.p99.has_value());
}

TEST(Analysis, CountsFailuresByCodeAndKeepsThemOutOfTheLatencies) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 30, 0));
  for (int i = 0; i < 4; ++i) {
    RequestRecord failed = Answered(2, 2000, 9000);
    failed.status_code = 14;
    results.blocks[0].records.push_back(failed);
  }
  const Analysis analysis = Analyze(results);
  const StrategySummary& fcfs = analysis.workloads[0].strategies[0];
  EXPECT_EQ(fcfs.requests.all.failed(), 4U);
  EXPECT_EQ(fcfs.failures, (std::map<int, std::uint64_t>{{14, 4}}));
  EXPECT_DOUBLE_EQ(fcfs.requests.all.latency.maximum, 130);
}

TEST(Analysis, CallsAClearDifferenceSignificantAndNamesTheBetterStrategy) {
  ResultSet results;
  for (const std::uint32_t repeat : {1U, 2U, 3U, 4U}) {
    results.blocks.push_back(MakeBlock("sjf", repeat, 40, static_cast<int>(repeat)));
    results.blocks.push_back(MakeBlock("fcfs", repeat, 40, 50 + 2 * static_cast<int>(repeat)));
  }
  const Analysis analysis = Analyze(results);
  const auto& differences = analysis.workloads[0].differences;
  const auto mean = std::find_if(differences.begin(), differences.end(),
                                 [](const Difference& d) { return d.figure == "mean latency"; });
  ASSERT_NE(mean, differences.end());
  EXPECT_EQ(mean->first, "fcfs");
  EXPECT_DOUBLE_EQ(mean->interval.mean, 52.5);
  EXPECT_TRUE(mean->significant());
  EXPECT_THAT(analysis.workloads[0].verdict, HasSubstr("sjf had the lowest mean latency"));
  EXPECT_THAT(analysis.workloads[0].verdict, HasSubstr("a significant difference of 52.5 ms"));
}

TEST(Analysis, SaysThatThereIsNoSignificantDifferenceIfThereIsNone) {
  ResultSet results;
  const int noise[] = {0, 7, 3, 5};
  for (std::uint32_t repeat = 1; repeat <= 4; ++repeat) {
    results.blocks.push_back(MakeBlock("sjf", repeat, 40, noise[repeat - 1]));
    results.blocks.push_back(MakeBlock("fcfs", repeat, 40, noise[4 - repeat]));
  }
  const Analysis analysis = Analyze(results);
  for (const Difference& difference : analysis.workloads[0].differences) EXPECT_FALSE(difference.significant());
  EXPECT_THAT(analysis.workloads[0].verdict, HasSubstr("no significant difference"));
}

TEST(Analysis, ClaimsNoSignificanceFromOneBlockEach) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("sjf", 1, 40, 0));
  results.blocks.push_back(MakeBlock("fcfs", 1, 40, 500));
  const Analysis analysis = Analyze(results);
  EXPECT_TRUE(analysis.workloads[0].differences.empty());
  EXPECT_THAT(analysis.workloads[0].verdict, HasSubstr("may be chance"));
}

TEST(Comparison, AgreesWithATableOfStudentsT) {
  // 1, 2, 3, 4, 5: mean 3, standard error sqrt(0.5), t(0.975, 4) = 2.776445.
  const auto interval = MeanInterval({1, 2, 3, 4, 5});
  ASSERT_TRUE(interval.has_value());
  EXPECT_NEAR(interval->low, 3 - 2.776445 * 0.7071068, 1e-5);
  EXPECT_NEAR(interval->high, 3 + 2.776445 * 0.7071068, 1e-5);
  EXPECT_FALSE(MeanInterval({1}).has_value());
}

TEST(Comparison, AgreesWithATextbookOnWelchsTest) {
  // Means 20.6 and 22.1, variances 0.1 and 0.4 of 5 values each: t = -1.5 / sqrt(0.1), 5.88 degrees of freedom, and
  // t(0.975, 5.88) = 2.459.
  const TestedMean tested = WelchDifference({20.2, 20.4, 20.6, 20.8, 21.0}, {21.3, 21.7, 22.1, 22.5, 22.9});
  EXPECT_NEAR(tested.interval.mean, -1.5, 1e-9);
  EXPECT_NEAR(tested.interval.high, -1.5 + 2.459 * std::sqrt(0.1), 2e-3);
  EXPECT_NEAR(tested.p_value, 0.0033, 3e-4);
}

TEST(Comparison, DoesNotTakeEqualCountsForCertainty) {
  const std::vector<Series> rates = {{"fair", {4.25, 4.0}}, {"fcfs", {4.0, 3.75}}};
  EXPECT_TRUE(PairedDifferences("answers", "1/s", rates)[0].p_value < 0.05);
  EXPECT_FALSE(PairedDifferences("answers", "1/s", rates, 0.25)[0].p_value < 0.05);
}

TEST(Analysis, LeavesAnInterruptedBlockOutOfTheDifferences) {
  ResultSet results;
  for (const std::uint32_t repeat : {1U, 2U, 3U}) {
    results.blocks.push_back(MakeBlock("sjf", repeat, 40, static_cast<int>(repeat)));
    results.blocks.push_back(MakeBlock("fcfs", repeat, 40, 50 + 2 * static_cast<int>(repeat)));
  }
  results.blocks.back().interrupted = true;
  results.blocks.back().records.resize(3);
  const Analysis analysis = Analyze(results);
  ASSERT_FALSE(analysis.workloads[0].differences.empty());
  for (const Difference& difference : analysis.workloads[0].differences) EXPECT_EQ(difference.pairs, 2U);
}

// 2 sequences of 100 characters at 50 us a character each: 10 ms alone.
ResultSet OfKnownCost() {
  ResultSet results;
  results.provenance.cost = CostModel{.quadratic = 0, .per_character = 50e-6};
  for (const std::uint32_t repeat : {1U, 2U}) {
    Block block = MakeBlock("fcfs", repeat, 40, 0);
    for (RequestRecord& record : block.records) record.longest = 100;
    block.charged_over_weight = {1, 1, repeat == 1 ? 1.0 : 4.0};
    results.blocks.push_back(block);
  }
  return results;
}

TEST(Analysis, ComparesLatencyWithWhatARequestTakesAlone) {
  const Analysis analysis = Analyze(OfKnownCost());
  const Breakdown& requests = analysis.workloads[0].strategies[0].requests;
  // Means of 20.5, 20.5 and 120.5 ms.
  EXPECT_NEAR(requests.customers[0].slowdown.value(), 2.05, 1e-9);
  EXPECT_NEAR(requests.customers[2].slowdown.value(), 12.05, 1e-9);
  EXPECT_NEAR(requests.all.slowdown.value(), (2 * 2.05 + 12.05) / 3, 1e-9);
  EXPECT_NEAR(requests.fairness.slowdown.value(), (2 * 2.05 + 12.05) / 3, 1e-9);
  EXPECT_NEAR(requests.fairness.worst_customer_slowdown.value(), 12.05, 1e-9);
}

TEST(Analysis, TakesTheShareIndexInTheMeanOfTheRepeats) {
  const Analysis analysis = Analyze(OfKnownCost());
  const StrategySummary& strategy = analysis.workloads[0].strategies[0];
  EXPECT_NEAR(strategy.repeats[0].requests.fairness.share_index.value(), 1, 1e-12);
  EXPECT_NEAR(strategy.repeats[1].requests.fairness.share_index.value(), 36.0 / (3 * 18), 1e-12);
  EXPECT_NEAR(strategy.requests.fairness.share_index.value(), (1 + 36.0 / 54) / 2, 1e-12);
}

TEST(Analysis, SaysNothingOfFairnessIfTheServerDoesNotTellCostsAndCharges) {
  ResultSet results = OfKnownCost();
  results.provenance.cost.reset();
  results.blocks[1].charged_over_weight.clear();
  const Analysis analysis = Analyze(results);
  const FairnessFigures& fairness = analysis.workloads[0].strategies[0].requests.fairness;
  EXPECT_FALSE(fairness.slowdown.has_value());
  EXPECT_FALSE(fairness.worst_customer_slowdown.has_value());
  EXPECT_FALSE(fairness.share_index.has_value());
}

TEST(Comparison, CorrectsForManyQuestionsAsHolmDoes) {
  std::vector<Difference> differences(4);
  const double p_values[] = {0.01, 0.04, 0.03, 0.005};
  for (std::size_t i = 0; i < 4; ++i) differences[i].p_value = p_values[i];
  CorrectForMany(differences);
  EXPECT_DOUBLE_EQ(differences[3].corrected_p_value, 0.02);
  EXPECT_DOUBLE_EQ(differences[0].corrected_p_value, 0.03);
  EXPECT_DOUBLE_EQ(differences[2].corrected_p_value, 0.06);
  EXPECT_DOUBLE_EQ(differences[1].corrected_p_value, 0.06);
}

TEST(Validity, HoldsForAPunctualRunWithEnoughSamples) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 40, 0));
  EXPECT_TRUE(Analyze(results).valid());
}

TEST(Validity, FailsIfTheGeneratorMissedItsSchedule) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 40, 0));
  for (RequestRecord& record : results.blocks[0].records) record.sent = record.scheduled + milliseconds(11);
  EXPECT_THAT(Analyze(results).defects, ::testing::ElementsAre(HasSubstr("missed its schedule")));
}

TEST(Validity, FailsIfThereAreTooFewSamples) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 6, 0));
  EXPECT_THAT(Analyze(results).defects, ::testing::ElementsAre(HasSubstr("too few samples")));
}

TEST(Validity, FailsIfRequestsWereNotSent) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 40, 0));
  results.blocks[0].records[5].status_code = kStatusNotSent;
  EXPECT_THAT(Analyze(results).defects, ::testing::ElementsAre(HasSubstr("1 of 120 requests")));
}

TEST(Validity, FailsWhenTheServerWasGoneForMoreThanAHundredthOfTheRequests) {
  Block block = MakeBlock("fcfs", 1, 40, 0);
  block.records[5].disconnected = true;
  EXPECT_EQ(ServerGone(block), "") << "1 of 120";
  block.records[6].disconnected = true;
  EXPECT_THAT(ServerGone(block), AllOf(HasSubstr("the server was gone"), HasSubstr("2 of 120"), HasSubstr("fcfs")));
  block.records[6].scheduled = milliseconds(500);
  EXPECT_EQ(ServerGone(block), "") << "in the warm-up";
}

TEST(Validity, FailsIfAnotherStrategyDispatched) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("fcfs", 1, 40, 0));
  results.blocks[0].records[5].strategy = "sjf";
  EXPECT_THAT(Analyze(results).defects, ::testing::ElementsAre(HasSubstr("another strategy")));
}

TEST(Validity, KnowsThatAdaptiveDispatchesByTheStrategyThatItFollows) {
  ResultSet results;
  results.blocks.push_back(MakeBlock("adaptive", 1, 40, 0));
  for (RequestRecord& record : results.blocks[0].records) record.strategy = "sjf";
  EXPECT_THAT(Analyze(results).defects, ::testing::IsEmpty());
  results.blocks[0].records[5].strategy = "deadline";  // which it never follows
  EXPECT_THAT(Analyze(results).defects, ::testing::ElementsAre(HasSubstr("another strategy")));
}

}  // namespace
}  // namespace smartbatch::loadgen
