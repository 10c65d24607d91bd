// Published traces, on files made here in the forms that their authors describe.
#include "tools/loadgen/traces/public_traces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace smartbatch::loadgen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kAzure[] =
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:17:03.9799600,4808,10\n"
    "2023-11-16 18:17:04.0319600,110,27\n"
    "2023-11-17 00:00:00.0000000,7437,1\n";

// The lines of the trace: the moment in milliseconds, the customer, the length.
std::string Described(const simulation::Trace& trace) {
  std::ostringstream text;
  for (const simulation::Trace::Record& record : trace.records) {
    text << simulation::ExactMilliseconds(record.time) << " " << trace.customers[record.customer];
    for (const std::uint32_t length : trace.LengthsOf(record)) text << " " << length;
    text << "\n";
  }
  return text.str();
}

struct Source {
  TraceSource source;
  std::string text;
};

std::string Converted(const std::vector<Source>& sources, const TraceConverter::Options& options = {}) {
  TraceConverter converter(options);
  for (const auto& [source, text] : sources) {
    std::istringstream in(text);
    if (const absl::Status added = converter.Add(in, source); !added.ok()) return std::string(added.message());
  }
  const auto trace = converter.Finish();
  return trace.ok() ? Described(*trace) : std::string(trace.status().message());
}

TEST(PublicTraces, AzureCountsFromItsFirstRequestAndPassesMidnight) {
  EXPECT_EQ(Converted({{{TraceFormat::kAzure, "code"}, kAzure}}), "0 code 4808\n52 code 110\n2.0576e+07 code 7437\n");
}

TEST(PublicTraces, AzureTakesAZoneACarriageReturnAndAByteOrderMark) {
  const std::string text =
      "\xEF\xBB\xBFTIMESTAMP,ContextTokens,GeneratedTokens\r\n"
      "2024-05-10 00:00:00.009930+00:00,2162,5\r\n"
      "2024-05-10 02:00:00.019930+02:00,2399,6\r\n";
  EXPECT_EQ(Converted({{{TraceFormat::kAzure, ""}, text}}), "0 default 2162\n10 default 2399\n");
}

TEST(PublicTraces, SeveralFilesAreMergedByTheirCommonClock) {
  const std::string later = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:04.0000000,5,1\n";
  EXPECT_EQ(Converted({{{TraceFormat::kAzure, "code"}, kAzure}, {{TraceFormat::kAzure, "chat"}, later}}),
            "0 code 4808\n20.04 chat 5\n52 code 110\n2.0576e+07 code 7437\n");
}

TEST(PublicTraces, MooncakeIsReadLineByLineAndSorted) {
  const std::string text = R"({"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]})"
                           "\n\n"
                           R"({"timestamp": 27480, "input_length": 12, "output_length": 1, "hash_ids": []})";
  EXPECT_EQ(Converted({{{TraceFormat::kMooncake, "k"}, text}}), "0 k 12\n2 k 6955\n");
}

TEST(PublicTraces, BurstGptMakesItsModelsTheCustomers) {
  const std::string text =
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
      "5,ChatGPT,472,18,490,Conversation log\n"
      "45,GPT-4,1087,230,1317,API log\n"
      "118,My model (v2),417,276,693,API log\n";
  EXPECT_EQ(Converted({{{TraceFormat::kBurstGpt, ""}, text}}),
            "0 ChatGPT 472\n40000 GPT-4 1087\n113000 My-model--v2- 417\n");
  EXPECT_EQ(Converted({{{TraceFormat::kBurstGpt, "all"}, text}}), "0 all 472\n40000 all 1087\n113000 all 417\n");
}

// The third file of BurstGPT has sessions, which may be empty, and counts its seconds from long before its first line.
TEST(PublicTraces, BurstGptIsReadWithSessionsToo) {
  const std::string text =
      "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
      "19440110.0,a-session,43,GPT-4,906,446,1352,Conversation log\n"
      "19440161.0,,,ChatGPT,36,29,65,API log\n";
  EXPECT_EQ(Converted({{{TraceFormat::kBurstGpt, ""}, text}}), "0 GPT-4 906\n51000 ChatGPT 36\n");
}

TEST(PublicTraces, ColumnsAreFoundByTheirNamesWhereverTheyStand) {
  const std::string text =
      "Session ID,Request tokens,Elapsed time,timestamp,Model\n"
      "a,7,0.1,1.5,m\n";
  EXPECT_EQ(Converted({{{TraceFormat::kBurstGpt, ""}, text}}), "0 m 7\n");
}

TEST(PublicTraces, RequestsWithoutATokenAreLeftOutAndLongOnesCutAndBothAreCounted) {
  TraceConverter converter({.max_length = 100});
  std::istringstream in("Timestamp,Model,Request tokens\n0,m,0\n1,m,100\n2,m,101\n3,m,0\n");
  ASSERT_TRUE(converter.Add(in, {TraceFormat::kBurstGpt, ""}).ok());
  const auto trace = converter.Finish();
  ASSERT_TRUE(trace.ok());
  EXPECT_EQ(Described(*trace), "0 m 100\n1000 m 100\n");
  EXPECT_EQ(converter.empty(), 2U);
  EXPECT_EQ(converter.cut(), 1U);
}

TEST(PublicTraces, WhatIsWrongIsNamedByItsLine) {
  const auto azure = [](const std::string& text) { return Converted({{{TraceFormat::kAzure, ""}, text}}); };
  EXPECT_THAT(azure("a,b\n"), AllOf(HasSubstr("line 1"), HasSubstr("'TIMESTAMP'")));
  EXPECT_THAT(azure("TIMESTAMP,ContextTokens\nyesterday,5\n"), AllOf(HasSubstr("line 2"), HasSubstr("'yesterday'")));
  EXPECT_THAT(azure("TIMESTAMP,ContextTokens\n2023-11-16 18:17:03,-5\n"),
              AllOf(HasSubstr("line 2"), HasSubstr("'-5'")));
  EXPECT_THAT(azure("TIMESTAMP,ContextTokens\n2023-11-16 18:17:03,5,6\n"),
              AllOf(HasSubstr("line 2"), HasSubstr("2 fields")));
  EXPECT_THAT(azure("TIMESTAMP,ContextTokens\n"), HasSubstr("no request"));
  EXPECT_THAT(azure(""), HasSubstr("no request"));
  const auto mooncake = [](const std::string& text) { return Converted({{{TraceFormat::kMooncake, ""}, text}}); };
  EXPECT_THAT(mooncake("[1]\n"), AllOf(HasSubstr("line 1"), HasSubstr("JSON object")));
  EXPECT_THAT(mooncake(R"({"timestamp": -1, "input_length": 5})"), HasSubstr("'timestamp'"));
  EXPECT_THAT(mooncake(R"({"timestamp": 1e300, "input_length": 5})"), HasSubstr("'timestamp'"));
  EXPECT_THAT(mooncake(R"({"timestamp": 1, "input_length": 5.5})"), HasSubstr("'input_length'"));
  EXPECT_THAT(mooncake(R"({"timestamp": 1, "input_length": 99999999999})"), HasSubstr("'input_length'"));
}

}  // namespace
}  // namespace smartbatch::loadgen
