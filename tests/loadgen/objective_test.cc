// Objectives: how they are written, and when they are broken.
#include "tools/loadgen/analysis/objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// Customer A1 takes 1 to `requests` ms, B five times that.
ResultSet MakeResults(int requests, const std::vector<std::string>& objectives) {
  ResultSet results;
  results.provenance.objectives = objectives;
  Block block;
  block.workload = "test";
  block.strategy.name = "fcfs";
  block.measured = std::chrono::seconds(100);
  block.customers = {"A1", "B"};
  for (int i = 1; i <= requests; ++i) {
    for (const std::uint32_t customer : {0U, 1U}) {
      RequestRecord record;
      record.customer = customer;
      record.scheduled = record.sent = milliseconds(i);
      record.done = record.scheduled + milliseconds(customer == 0 ? i : 5 * i);
      block.records.push_back(record);
    }
  }
  results.blocks.push_back(block);
  return results;
}

const ObjectiveOutcome& OutcomeOf(const Analysis& analysis) { return analysis.workloads.at(0).objectives.at(0); }

TEST(Objective, KnowsCustomersFiguresAndUnits) {
  const auto full = ParseObjective("A:p95<500ms");
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(full->customer, "A");
  EXPECT_EQ(full->figure, Objective::Figure::kP95);
  EXPECT_DOUBLE_EQ(full->limit, 500);
  EXPECT_DOUBLE_EQ(ParseObjective("p99.9<2.5s")->limit, 2500);
  EXPECT_EQ(ParseObjective("p99.9<2.5s")->figure, Objective::Figure::kP999);
  EXPECT_DOUBLE_EQ(ParseObjective("max<1500us")->limit, 1.5);
  EXPECT_EQ(ParseObjective("mean<1s")->customer, "");
  EXPECT_EQ(ParseObjective("a:b:p50<1s")->customer, "a:b");
  EXPECT_DOUBLE_EQ(ParseObjective("failed<0.5%")->limit, 0.5);
}

TEST(Objective, NamesThePlaceWhereItIsWrong) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"", "character 1: '<'"},
      {"p95", "character 4: '<'"},
      {":p95<1s", "character 1: the customer"},
      {"A:p98<1s", "character 3: expected mean"},
      {"p95<", "character 5: expected a number"},
      {"p95<-1s", "character 5: expected a number"},
      {"p95<nans", "character 5: expected a number"},
      {"p95<500", "character 8: expected the unit us, ms or s"},
      {"A:p95<500min", "character 10: expected the unit"},
      {"failed<1ms", "character 9: expected the unit %"},
      {"p95<1 s", "character 6: expected the unit"}};
  for (const auto& [text, place] : wrong) {
    const auto objective = ParseObjective(text);
    ASSERT_FALSE(objective.ok()) << text;
    EXPECT_EQ(objective.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(objective.status().message()), HasSubstr("'" + text + "' at " + place));
  }
}

TEST(Objective, IsBrokenFromItsLimitOn) {
  EXPECT_FALSE(OutcomeOf(Analyze(MakeResults(300, {"A:p95<286ms"}))).broken());
  EXPECT_TRUE(OutcomeOf(Analyze(MakeResults(300, {"A:p95<285ms"}))).broken());
  EXPECT_TRUE(Analyze(MakeResults(300, {"A:p95<285ms"})).objective_broken());
}

TEST(Objective, IsAboutACustomerAGroupOrAll) {
  EXPECT_DOUBLE_EQ(OutcomeOf(Analyze(MakeResults(100, {"B:max<1s"}))).measured.value(), 500);
  EXPECT_DOUBLE_EQ(OutcomeOf(Analyze(MakeResults(100, {"A1:max<1s"}))).measured.value(), 100);
  EXPECT_DOUBLE_EQ(OutcomeOf(Analyze(MakeResults(100, {"A:max<1s"}))).measured.value(), 100);
  EXPECT_DOUBLE_EQ(OutcomeOf(Analyze(MakeResults(100, {"max<1s"}))).measured.value(), 500);
}

TEST(Objective, CountsFailuresApart) {
  ResultSet results = MakeResults(100, {"failed<1%"});
  for (int i = 0; i < 3; ++i) results.blocks[0].records[static_cast<std::size_t>(i)].status_code = 14;
  const Analysis analysis = Analyze(results);
  EXPECT_DOUBLE_EQ(OutcomeOf(analysis).measured.value(), 1.5);
  EXPECT_TRUE(analysis.objective_broken());
}

TEST(Objective, WithTooFewSamplesMakesTheResultInvalid) {
  const Analysis analysis = Analyze(MakeResults(100, {"A:p99<1s"}));
  EXPECT_FALSE(OutcomeOf(analysis).measured.has_value());
  EXPECT_FALSE(analysis.objective_broken());
  EXPECT_THAT(analysis.defects, ::testing::ElementsAre(HasSubstr("too few samples to judge A:p99<1s")));
}

}  // namespace
}  // namespace smartbatch::loadgen
