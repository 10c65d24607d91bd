// The raw files: all reports can be made again from them.
#include "tools/loadgen/output/raw_results.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/output/json_report.h"
#include "tools/loadgen/output/report_document.h"
#include "tools/loadgen/output/result_files.h"
#include "tools/loadgen/output/text_report.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RawResultsTest : public ::testing::Test {
 protected:
  RawResultsTest() {
    std::string name = (fs::temp_directory_path() / "loadgen-raw-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~RawResultsTest() override { fs::remove_all(path_); }

  void Write(const ResultSet& results) const {
    const auto folder = ResultFolder::Open(path_);
    ASSERT_TRUE(folder.ok());
    ASSERT_TRUE(WriteRawResults(results, *folder).ok());
  }
  std::string TextOf(const std::string& name) const {
    std::ifstream file(path_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // The error when the raw files are read.
  std::string Fault() const { return std::string(ReadRawResults(path_ / "S_blocks.json").status().message()); }

  fs::path path_;
};

// Two strategies, with names and messages that would break a careless file.
ResultSet AwkwardResults() {
  ResultSet results;
  Provenance& provenance = results.provenance;
  provenance.verb = "compare";
  provenance.stamp = "S";
  provenance.started_at = "today";
  provenance.command = "loadgen compare --seed 4";
  provenance.workloads["two"] = "a workload of two";
  provenance.environment = {{"system", "a machine"}, {"load", "none"}};
  provenance.objectives = {"p50<30ms"};
  provenance.cost = CostModel{1e-3, 1e-6, 2e-4, 3e-5, 4e-8, 3};
  for (const char* const strategy : {"fcfs:linger_ms=0", "fcfs"}) {
    Block block;
    block.workload = "two";
    block.strategy = {strategy, {{"linger_ms", "50"}}};
    block.dispatched_by = "fcfs";
    block.repeat = 1 + static_cast<std::uint32_t>(results.blocks.size());
    block.seed = 0xFFFF'FFFF'FFFF'FFFF;
    block.start = Duration(10'000'000'001) * static_cast<int>(results.blocks.size());
    block.warm_up = std::chrono::milliseconds(1);
    block.measured = std::chrono::seconds(10);
    block.generator_cpu_seconds = 0.1;
    block.charged_over_weight = {0.1, 1.0 / 3};
    block.customers = {"A, the first", "B \"second\"\nline"};
    for (int i = 0; i < 60; ++i) {
      RequestRecord record;
      record.customer = static_cast<std::uint32_t>(i % 2);
      record.sequences = 3;
      record.longest = 12;
      record.scheduled = Duration(100'000'003) * i;
      record.sent = record.scheduled + Duration(7);
      record.done = record.scheduled + Duration(5'000'001) * (1 + i);
      record.batch_share = 1.0 / 3;
      record.batches = 1;
      record.proxy_latency_ms = 0.1 * i;
      record.strategy = "fcfs";
      block.records.push_back(record);
    }
    block.records[7].status_code = 4;
    block.records[8].status_code = kStatusNotSent;
    block.records[9].status_code = 77;
    block.messages[4] = "deadline \"passed\"\nindeed";
    block.defects = {"someone else switched"};
    results.blocks.push_back(block);
  }
  return results;
}

TEST_F(RawResultsTest, GiveTheSameReportsAgainToTheByte) {
  const ResultSet written = AwkwardResults();
  Write(written);
  const auto read = ReadRawResults(path_ / "S_blocks.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(JsonReport(*read, Analyze(*read)), JsonReport(written, Analyze(written)));
  EXPECT_EQ(TextReport(MakeReport(*read, Analyze(*read))), TextReport(MakeReport(written, Analyze(written))));
  EXPECT_EQ(BlocksJson(*read), BlocksJson(written));
  std::ostringstream again;
  WriteRequestsCsv(*read, again);
  EXPECT_EQ(again.str(), TextOf("S_requests.csv"));
}

TEST_F(RawResultsTest, AreReadIfTheyDoNotKnowCostsAndCharges) {
  Write(AwkwardResults());
  auto json = nlohmann::ordered_json::parse(TextOf("S_blocks.json"));
  json.erase("cost_model");
  for (auto& block : json.at("blocks")) block.erase("charged_over_weight_seconds");
  std::ofstream(path_ / "S_blocks.json") << json;
  const auto read = ReadRawResults(path_ / "S_blocks.json");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_FALSE(read->provenance.cost.has_value());
  EXPECT_TRUE(read->blocks[0].charged_over_weight.empty());
}

TEST_F(RawResultsTest, HaveALineForEachRequestWithShortNumbers) {
  ResultSet results = AwkwardResults();
  results.blocks[0].customers = results.blocks[1].customers = {"A", "B"};
  Write(results);
  const std::string text = TextOf("S_requests.csv");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 2 * 60);
  EXPECT_THAT(text, HasSubstr("\n1,two,fcfs:linger_ms=0,1,A,0,0.000000,0.000007,5.000001,5.000001,OK,3,12,0,0,0,1,"));
  EXPECT_THAT(text, HasSubstr(",DEADLINE_EXCEEDED,"));
}

TEST_F(RawResultsTest, ThatAreNotThereOrDamagedAreNamed) {
  EXPECT_THAT(Fault(), HasSubstr("S_blocks.json' cannot be read"));
  Write(AwkwardResults());
  const std::string requests = TextOf("S_requests.csv");
  const auto replace = [&](const std::string& content) { std::ofstream(path_ / "S_requests.csv") << content; };

  replace(requests.substr(0, requests.rfind("\n2,") + 1));
  EXPECT_THAT(Fault(), HasSubstr("S_requests.csv: block 2 has 59 requests instead of 60: the file is not whole"));
  replace(requests.substr(0, requests.size() - 20));
  EXPECT_THAT(Fault(), HasSubstr("fields instead of 19"));
  replace("something else\n");
  EXPECT_THAT(Fault(), HasSubstr("line 1: expected the names"));
  std::string wrong = requests;
  wrong.replace(wrong.find("100.000003"), 3, "ten");
  replace(wrong);
  EXPECT_THAT(Fault(), HasSubstr("expected a number"));
  fs::remove(path_ / "S_requests.csv");
  EXPECT_THAT(Fault(), HasSubstr("S_requests.csv' cannot be read"));
  std::ofstream(path_ / "S_blocks.json") << "{\"format_version\": 7}";
  EXPECT_THAT(Fault(), HasSubstr("format_version 7 is not 1"));
  std::ofstream(path_ / "S_blocks.json") << "{\"format_version\": 1}";
  EXPECT_THAT(Fault(), HasSubstr("S_blocks.json: "));
}

}  // namespace
}  // namespace smartbatch::loadgen
