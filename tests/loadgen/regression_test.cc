// Two results compared: a planted change is found, noise is not.
#include "tools/loadgen/analysis/regression.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"
#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/output/json_report.h"
#include "tools/loadgen/output/summary_reader.h"

namespace smartbatch::loadgen {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;

constexpr int kTrials = 20;
constexpr double kTolerancePercent = 5;

// A result of 5 repeats from `first_seed` on: the load of a seed moves a figure by 10 %, the same in every result; the
// machine's noise moves it by 2 %.
std::vector<MeasuredFigure> Measure(double factor, std::uint64_t first_seed, Random& noise) {
  std::vector<MeasuredFigure> figures;
  for (const char* const name : {"mean latency", "p95 latency", "mean latency of A", "mean latency of B"}) {
    MeasuredFigure figure{"test", "fcfs", name, "ms", false, 0, {}};
    for (std::uint64_t seed = first_seed; seed < first_seed + 5; ++seed) {
      Random load = Random::Stream(seed, 7);
      const double value = 100 * (1 + 0.1 * load.Normal()) * factor * (1 + 0.02 * noise.Normal());
      figure.repeats[seed] = value;
      figure.value += value / 5;
    }
    figures.push_back(figure);
  }
  return figures;
}

bool AnyWorse(const std::vector<FigureChange>& changes) {
  return std::any_of(changes.begin(), changes.end(),
                     [](const FigureChange& change) { return change.judgement == Judgement::kWorse; });
}

int TrialsThatFindSomethingWorse(double factor, std::uint64_t second_seed) {
  Random noise(4);
  int found = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto before = Measure(1, 1, noise);
    const auto after = Measure(factor, second_seed, noise);
    if (AnyWorse(CompareFigures(before, after, kTolerancePercent))) ++found;
  }
  return found;
}

TEST(Regression, OfATenthIsFound) { EXPECT_GE(TrialsThatFindSomethingWorse(1.1, 1), kTrials - 1); }

TEST(Regression, IsNotSeenInNoise) {
  EXPECT_LE(TrialsThatFindSomethingWorse(1, 1), 1);
  // Other seeds bring the load's noise in, too.
  EXPECT_LE(TrialsThatFindSomethingWorse(1, 100), 1);
}

TEST(Regression, IsNotWhatBecameFaster) { EXPECT_EQ(TrialsThatFindSomethingWorse(0.7, 1), 0); }

TEST(Regression, InARateIsADrop) {
  const MeasuredFigure before{"test", "fcfs", "answers", "1/s", true, 100, {}};
  MeasuredFigure after = before;
  after.value = 90;
  EXPECT_EQ(CompareFigures({before}, {after}, 5).at(0).judgement, Judgement::kWorse);
  after.value = 110;
  EXPECT_EQ(CompareFigures({before}, {after}, 5).at(0).judgement, Judgement::kBetter);
  after.value = 96;
  EXPECT_EQ(CompareFigures({before}, {after}, 5).at(0).judgement, Judgement::kSame);
}

TEST(Regression, OfOneBlockEachIsJudgedByTheToleranceAlone) {
  const MeasuredFigure before{"test", "fcfs", "mean latency", "ms", false, 100, {{1, 100}}};
  MeasuredFigure after = before;
  after.value = after.repeats[1] = 110;
  const std::vector<FigureChange> changes = CompareFigures({before}, {after}, 5);
  EXPECT_FALSE(changes.at(0).percent_interval.has_value());
  EXPECT_NEAR(changes.at(0).percent, 10, 1e-9);
  EXPECT_EQ(changes.at(0).judgement, Judgement::kWorse);
  EXPECT_EQ(CompareFigures({before}, {after}, 10.5).at(0).judgement, Judgement::kSame);
}

TEST(Regression, IsAskedOnlyOfWhatBothHave) {
  const MeasuredFigure before{"test", "fcfs", "mean latency", "ms", false, 100, {}};
  MeasuredFigure after = before;
  after.strategy = "sjf";
  EXPECT_TRUE(CompareFigures({before}, {after}, 5).empty());
}

TEST(Regression, PairsRepeatsOfTheSameSeeds) {
  const MeasuredFigure before{"test", "fcfs", "mean latency", "ms", false, 200, {{1, 100}, {2, 200}, {3, 300}}};
  MeasuredFigure after = before;
  after.value = 220;
  after.repeats = {{1, 110}, {2, 220}, {3, 331}};
  const FigureChange paired = CompareFigures({before}, {after}, 5).at(0);
  EXPECT_EQ(paired.judgement, Judgement::kWorse);
  EXPECT_LT(paired.percent_interval->high - paired.percent_interval->low, 1);
  // The same values under other seeds are independent.
  after.repeats = {{4, 110}, {5, 220}, {6, 331}};
  EXPECT_EQ(CompareFigures({before}, {after}, 5).at(0).judgement, Judgement::kNotSignificant);
}

ResultSet MakeResults(int slower_by_ms) {
  ResultSet results;
  for (std::uint32_t repeat = 1; repeat <= 3; ++repeat) {
    Block block;
    block.workload = "two";
    block.strategy.name = "fcfs";
    block.repeat = repeat;
    block.seed = 10 + repeat;
    block.measured = std::chrono::seconds(10);
    block.customers = {"A", "B"};
    for (int i = 0; i < 100; ++i) {
      RequestRecord record;
      record.customer = static_cast<std::uint32_t>(i % 2);
      record.scheduled = record.sent = std::chrono::milliseconds(10 * i);
      record.done = record.scheduled + std::chrono::milliseconds(100 + i % 7 + static_cast<int>(repeat) + slower_by_ms);
      block.records.push_back(record);
    }
    results.blocks.push_back(block);
  }
  return results;
}

Summary SummaryOf(const ResultSet& results) {
  const auto summary = ParseSummary(JsonReport(results, Analyze(results)), "a test");
  EXPECT_TRUE(summary.ok()) << summary.status();
  return summary.value_or(Summary());
}

TEST(SummaryReader, FindsTheFiguresThatAreCompared) {
  const Summary summary = SummaryOf(MakeResults(0));
  EXPECT_TRUE(summary.valid);
  std::vector<std::string> names;
  for (const MeasuredFigure& figure : summary.figures) names.push_back(figure.name);
  // 100 answers in a block are too few for a p95.
  EXPECT_THAT(names, ::testing::ElementsAre("mean latency", "answers", "mean latency of A", "mean latency of B"));
  EXPECT_THAT(summary.figures, Each(Field(&MeasuredFigure::repeats, ::testing::SizeIs(3))));
  EXPECT_EQ(summary.figures[0].repeats.begin()->first, 11U);
}

TEST(SummaryReader, SeesAPlantedRegressionInSummariesOfRequests) {
  const Summary before = SummaryOf(MakeResults(0));
  EXPECT_TRUE(AnyWorse(CompareFigures(before.figures, SummaryOf(MakeResults(11)).figures, 5)));
  EXPECT_FALSE(AnyWorse(CompareFigures(before.figures, SummaryOf(MakeResults(2)).figures, 5)));
}

TEST(SummaryReader, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(std::string(ParseSummary("{\"schema_version\": 99}", "x.json").status().message()),
              HasSubstr("x.json: schema_version 99 is not"));
  EXPECT_THAT(std::string(ParseSummary("[1, 2", "x.json").status().message()), HasSubstr("x.json: not a summary.json"));
  EXPECT_THAT(std::string(ParseSummary("{}", "x.json").status().message()), HasSubstr("schema_version"));
  EXPECT_THAT(std::string(ReadSummary("/no/such/file").status().message()), HasSubstr("/no/such/file"));
}

}  // namespace
}  // namespace smartbatch::loadgen
