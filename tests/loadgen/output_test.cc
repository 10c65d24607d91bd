#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/output/child_process.h"
#include "tools/loadgen/output/json_report.h"
#include "tools/loadgen/output/plot.h"
#include "tools/loadgen/output/plot_data.h"
#include "tools/loadgen/output/plot_script.h"
#include "tools/loadgen/output/progress.h"
#include "tools/loadgen/output/raw_results.h"
#include "tools/loadgen/output/report_document.h"
#include "tools/loadgen/output/result_files.h"
#include "tools/loadgen/output/result_folder.h"
#include "tools/loadgen/output/text_report.h"
#include "tools/loadgen/output/text_table.h"
#include "tools/loadgen/output/wrap.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class OutputTest : public ::testing::Test {
 protected:
  OutputTest() {
    std::string name = (fs::temp_directory_path() / "loadgen-output-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~OutputTest() override { fs::remove_all(path_); }

  std::vector<std::string> FileNames() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_)) names.push_back(entry.path().filename().string());
    return names;
  }

  fs::path path_;
};

ResultSet MakeResults() {
  ResultSet results;
  results.provenance.verb = "compare";
  results.provenance.command = "loadgen compare --seed 4";
  results.provenance.workloads["two"] = "a workload of two";
  results.provenance.environment = {{"system", "a machine"}};
  for (const char* const strategy : {"fcfs", "sjf"}) {
    Block block;
    block.workload = "two";
    block.strategy = {strategy, {{"linger_ms", "50"}}};
    block.start = std::chrono::seconds(results.blocks.size() * 10);
    block.measured = std::chrono::seconds(10);
    block.customers = {"A", "B"};
    for (int i = 0; i < 60; ++i) {
      RequestRecord record;
      record.customer = static_cast<std::uint32_t>(i % 2);
      record.sequences = 1;
      record.scheduled = milliseconds(100 * i);
      record.sent = record.scheduled;
      record.done = record.scheduled + milliseconds(5 + i);
      block.records.push_back(record);
    }
    block.records.back().status_code = 4;
    block.messages[4] = "deadline \"passed\"";
    results.blocks.push_back(block);
  }
  return results;
}

TEST(TextTable, AlignsTextToTheLeftAndNumbersToTheRight) {
  TextTable table({"name", "ms"});
  table.AddRow({"größe", "1.50"});
  table.AddRow({"b", "120.25"});
  EXPECT_EQ(table.ToString(), "name       ms\n-------------\ngröße    1.50\nb      120.25\n");
}

TEST(TextReport, HasItsPartsInOrder) {
  const ResultSet results = MakeResults();
  const std::string report = TextReport(MakeReport(results, Analyze(results)));
  std::size_t last = 0;
  for (const char* const part :
       {"VERDICT", "VALID", "WORKLOAD two", "std dev", "group", "Goodput", "worst customer", "not known",
        "Requests that failed", "GENERATOR", "ENVIRONMENT", "a machine", "TO REPEAT", "loadgen compare --seed 4"}) {
    const std::size_t found = report.find(part, last);
    ASSERT_NE(found, std::string::npos) << part << " is missing or too early in\n" << report;
    last = found;
  }
  EXPECT_THAT(report, ::testing::ContainsRegex("fcfs +DEADLINE_EXCEEDED +deadline \"passed\" +1\n"));
}

TEST(TextReport, SaysWhatBecameOfEachObjective) {
  ResultSet results = MakeResults();
  results.provenance.objectives = {"A:p50<10ms", "max<1s"};
  const std::string report = TextReport(MakeReport(results, Analyze(results)));
  EXPECT_THAT(report, HasSubstr("OBJECTIVES\n  A:p50<10ms for two under fcfs: BROKEN, measured 33 ms\n"));
  EXPECT_THAT(report, HasSubstr("max<1s for two under sjf: kept, measured 63 ms"));
}

TEST(TerminalReport, EndsWithTheVerdictAndTheValidity) {
  const ResultSet results = MakeResults();
  const std::string report = TerminalReport(MakeReport(results, Analyze(results)));
  EXPECT_LT(report.find("WORKLOAD two"), report.find("VERDICT"));
  EXPECT_LT(report.find("VERDICT"), report.find("\nVALID"));
}

TEST(Wrap, BreaksAtBlanksAndLeavesLongWordsWhole) {
  EXPECT_EQ(Wrap("a bb ccc dddddddd e", 6), (std::vector<std::string>{"a bb", "ccc", "dddddddd", "e"}));
  EXPECT_EQ(Wrap("", 6), std::vector<std::string>{""});
}

TEST_F(OutputTest, LongNamesOfStrategiesDoNotOverlapInTheLegend) {
  ResultSet results = MakeResults();
  for (Block& block : results.blocks) block.strategy.name += std::string(60, 'x');
  const std::string script = PlotScript(results, Analyze(results), "x.dat", "x.png", "x.svg");
  // Both begin at the left, so one is below the other.
  const std::regex entry("set label \\d+ \"(fcfs|sjf)x+\" at screen ([0-9.]+), ([0-9.]+)");
  std::vector<std::pair<std::string, std::string>> places;
  for (std::sregex_iterator match(script.begin(), script.end(), entry), end; match != end; ++match) {
    places.emplace_back((*match)[2], (*match)[3]);
  }
  ASSERT_EQ(places.size(), 2U);
  EXPECT_EQ(places[0].first, places[1].first);
  EXPECT_NE(places[0].second, places[1].second);
}

TEST(JsonReport, HoldsTheFiguresAndNullForWhatIsUnknown) {
  const ResultSet results = MakeResults();
  const auto json = nlohmann::json::parse(JsonReport(results, Analyze(results)));
  EXPECT_EQ(json["schema_version"], 2);
  const auto& fcfs = json["workloads"][0]["strategies"][0];
  EXPECT_EQ(fcfs["strategy"], "fcfs");
  EXPECT_EQ(fcfs["all"]["answered"], 59);
  EXPECT_DOUBLE_EQ(fcfs["all"]["latency_ms"]["mean"], 34);
  EXPECT_EQ(fcfs["all"]["latency_ms"]["median"], 34);
  EXPECT_TRUE(fcfs["all"]["latency_ms"]["p99"].is_null());
  EXPECT_EQ(fcfs["failures"][0]["code"], "DEADLINE_EXCEEDED");
  EXPECT_EQ(fcfs["groups"].size(), 2U);
  EXPECT_TRUE(fcfs["fairness"]["worst_customer_slowdown"].is_null());
  EXPECT_TRUE(fcfs["all"]["slowdown"].is_null());
}

// 1 to 60 in steps of two, and 2 to 60: 5 to 64 ms against 1 ms alone.
TEST(Reports, ShowSlowdownAndSharesIfTheyAreKnown) {
  ResultSet results = MakeResults();
  results.provenance.cost = CostModel{.fixed = 1e-3, .quadratic = 0};
  for (Block& block : results.blocks) block.charged_over_weight = {1, 3};
  const auto json = nlohmann::json::parse(JsonReport(results, Analyze(results)));
  const auto& fairness = json["workloads"][0]["strategies"][0]["fairness"];
  EXPECT_DOUBLE_EQ(fairness["slowdown"], 34);
  EXPECT_DOUBLE_EQ(fairness["worst_customer_slowdown"], 34);
  EXPECT_DOUBLE_EQ(fairness["charged_share_index"], 0.8);
  const std::string text = TextReport(MakeReport(results, Analyze(results)));
  EXPECT_THAT(text, ::testing::ContainsRegex("fcfs +60 +59 +1 +6.00 +5.90 +34.00 +34.00 +0.800\n"));
  EXPECT_THAT(PlotScript(results, Analyze(results), "x.dat", "x.png", "x.svg"), HasSubstr("worst customer's slowdown"));
  EXPECT_THAT(PlotData(results, Analyze(results)), HasSubstr("5.9 34 5.9 5.9 34 34"));
}

TEST_F(OutputTest, AFileThatFailsLeavesNothingBehind) {
  const auto folder = ResultFolder::Open(path_ / "results");
  ASSERT_TRUE(folder.ok());
  const absl::Status status = folder->Produce("picture.png", [](const fs::path& temporary) {
    std::ofstream(temporary) << "half";
    return absl::InternalError("the other half failed");
  });
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(fs::is_empty(path_ / "results"));
}

TEST_F(OutputTest, AFileOfThatNameIsReplacedWhole) {
  const auto folder = ResultFolder::Open(path_);
  ASSERT_TRUE(folder.ok());
  ASSERT_TRUE(folder->Write("summary.txt", "old and long").ok());
  ASSERT_TRUE(folder->Write("summary.txt", "new").ok());
  EXPECT_THAT(FileNames(), UnorderedElementsAre("summary.txt"));
  EXPECT_EQ(fs::file_size(path_ / "summary.txt"), 3U);
}

TEST_F(OutputTest, AResultFolderThatIsAFileIsRefused) {
  std::ofstream(path_ / "file") << "x";
  EXPECT_EQ(ResultFolder::Open(path_ / "file").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(OutputTest, ThePictureIsDrawnWithItsScriptAndDataBeside) {
  if (!RunProcess({"gnuplot", "--version"}, "/").ok()) GTEST_SKIP() << "gnuplot is not installed";
  const ResultSet results = MakeResults();
  const auto folder = ResultFolder::Open(path_);
  ASSERT_TRUE(folder.ok());
  const absl::Status drawn = DrawPlot(results, Analyze(results), "x_latency_comparison", *folder);
  ASSERT_TRUE(drawn.ok()) << drawn;
  EXPECT_THAT(FileNames(), UnorderedElementsAre("x_latency_comparison.png", "x_latency_comparison.svg",
                                                "x_latency_comparison.gp", "x_latency_comparison.dat"));
  std::string magic(8, ' ');
  std::ifstream(path_ / "x_latency_comparison.png", std::ios::binary).read(magic.data(), 8);
  EXPECT_EQ(magic, "\x89PNG\r\n\x1A\n");
}

// On a full disk gnuplot leaves an empty or a cut file and reports success.
TEST_F(OutputTest, APictureThatIsNotWholeIsNoPicture) {
  const std::string path_before = std::getenv("PATH");
  const ResultSet results = MakeResults();
  const auto folder = ResultFolder::Open(path_ / "results");
  ASSERT_TRUE(folder.ok());
  for (const char* const writes : {": >", "printf cut >"}) {
    std::ofstream(path_ / "gnuplot") << "#!/bin/sh\nfor kind in png svg; do " << writes << " .x.$kind.partial; done\n";
    fs::permissions(path_ / "gnuplot", fs::perms::owner_all);
    setenv("PATH", (path_.string() + ":" + path_before).c_str(), 1);
    const absl::Status drawn = DrawPlot(results, Analyze(results), "x", *folder);
    setenv("PATH", path_before.c_str(), 1);
    EXPECT_EQ(drawn.code(), absl::StatusCode::kInternal) << drawn;
    EXPECT_THAT(std::string(drawn.message()), HasSubstr("is the disk full?"));
    for (const char* const name : {"x.png", "x.svg", ".x.png.partial", ".x.svg.partial"}) {
      EXPECT_FALSE(fs::exists(path_ / "results" / name)) << name;
    }
  }
}

TEST_F(OutputTest, TheHtmlReportIsOneFileThatNeedsNoNetwork) {
  ResultSet results = MakeResults();
  results.blocks[0].messages[4] = "<script src=\"http://example.com\">";
  const auto folder = ResultFolder::Open(path_);
  ASSERT_TRUE(folder.ok());
  const Analysis analysis = Analyze(results);
  const auto written = WriteReports(results, analysis, MakeReport(results, analysis), *folder);
  ASSERT_TRUE(written.ok()) << written.status();
  std::ifstream file(path_ / "_report.html");
  const std::string html{std::istreambuf_iterator<char>(file), {}};
  for (const char* const fetches : {"<script", "<link", "<img", "src=\"", "@import", "url(http", "href=\"http"}) {
    EXPECT_THAT(html, ::testing::Not(HasSubstr(fetches)));
  }
  for (const char* const part :
       {"had the lowest mean latency", "&lt;script src=", "loadgen compare --seed 4", "</html>"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_THAT(html, HasSubstr(written->picture.ok() ? "<svg" : "gnuplot is missing"));
}

TEST_F(OutputTest, AReportThatCannotBeFinishedHasNoSummaryJson) {
  const ResultSet results = MakeResults();
  const auto folder = ResultFolder::Open(path_);
  ASSERT_TRUE(folder.ok());
  // A folder of that name: the file cannot be renamed to it.
  fs::create_directories(path_ / "_summary.txt" / "x");
  const Analysis analysis = Analyze(results);
  EXPECT_FALSE(WriteReports(results, analysis, MakeReport(results, analysis), *folder).ok());
  EXPECT_THAT(FileNames(), ::testing::Not(::testing::Contains("_summary.json")));
  EXPECT_THAT(FileNames(), ::testing::Each(::testing::Not(HasSubstr(".partial"))));
}

TEST(ChildProcess, TellsExitCodeAndOutput) {
  const auto outcome = RunProcess({"/bin/sh", "-c", "pwd; echo problem >&2; exit 7"}, "/");
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->exit_code, 7);
  EXPECT_EQ(outcome->output, "/\nproblem\n");
  EXPECT_FALSE(RunProcess({"no-such-program-anywhere"}, "/").ok());
}

TEST(ProgressLine, SaysHowFarItIs) {
  EXPECT_EQ(ProgressLine({"block 2/6  two-customers  sjf", 12, 32, {50, 45, 2, 18.25, 333}}, 3.54),
            "block 2/6  two-customers  sjf  12/32 s  3.5 answers/s  3 in flight  p50 18.2 ms  p99 333.0 ms  2 errors");
}

TEST(Progress, InAPipeHasALineEveryFiveSecondsAndOneAtTheEndOfABlock) {
  ::testing::internal::CaptureStderr();
  Progress progress(ProgressMode::kPlain);
  for (int quarter = 1; quarter <= 30; ++quarter) {
    progress.Show({"block", quarter / 4.0, 8, {0, static_cast<std::uint64_t>(quarter), 0, 0, 0}});
  }
  progress.EndBlock();
  const std::string lines = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines,
              ::testing::MatchesRegex("block  5/8 s  4.0 answers/s [^\n]*\nblock  8/8 s  4.0 answers/s [^\n]*\n"));
}

TEST(Progress, OfNoneWritesNothing) {
  ::testing::internal::CaptureStderr();
  Progress progress(ProgressMode::kNone);
  progress.Show({"block", 6, 8, {}});
  progress.EndBlock();
  progress.Say("a message");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace smartbatch::loadgen
