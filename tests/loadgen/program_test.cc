// The program as people call it: exit codes, messages, files.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "services/proxy/simulation/log_lines.h"
#include "tests/loadgen/program_fixture.h"
#include "tests/loadgen/scripted_proxy.h"
#include "tests/support/process.h"

namespace smartbatch::loadgen {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(ProgramTest, CompareSwitchesMeasuresReportsAndRestores) {
  const ScriptedProxy server([](const ReceivedCall& call) {
    std::this_thread::sleep_for(std::chrono::milliseconds(call.strategy == "fcfs" ? 30 : 5));
    return grpc::Status::OK;
  });
  const ProcessOutcome outcome =
      Loadgen({"compare", "--target", server.address(), "--admin-target", server.address(), "--workload",
               "eight-and-eight", "--strategies", "fcfs,sjf", "--seconds", "1", "--warm-up-seconds", "0.1", "--repeats",
               "2", "--max-dispatch-delay-ms", "1000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("sjf had the lowest mean latency"));
  EXPECT_EQ(server.active_strategy(), "fair");
  EXPECT_EQ(server.switches().size(), 5U);

  for (const char* const end : {"_summary.txt", "_summary.json", "_requests.csv", "_blocks.json", "_report.html"}) {
    EXPECT_EQ(FilesEndingIn(end).size(), 1U) << end;
  }
  EXPECT_TRUE(FilesEndingIn(".partial").empty());
  const nlohmann::json summary = Summary();
  EXPECT_EQ(summary["valid"], true);
  const auto& strategies = summary["workloads"][0]["strategies"];
  ASSERT_EQ(strategies.size(), 2U);
  // On a busy machine both are later than the server makes them.
  const double of_fcfs = strategies[0]["all"]["latency_ms"]["mean"];
  const double of_sjf = strategies[1]["all"]["latency_ms"]["mean"];
  EXPECT_GE(of_fcfs, 30);
  EXPECT_GE(of_sjf, 5);
  EXPECT_LT(of_sjf, of_fcfs);
}

TEST_F(ProgramTest, APublishedTraceIsConvertedAndThenPlayed) {
  Write("code.csv",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n"
        "2023-11-16 18:17:04.0319600,0,27\n");
  Write("chat.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n");
  const ProcessOutcome converted = Loadgen({"trace", "convert", "--from", "azure", "--out", "azure.jsonl",
                                            "--max-length", "2000", "code=code.csv", "chat=chat.csv"});
  EXPECT_EQ(converted.exit_code, 0) << converted.output;
  EXPECT_THAT(converted.output, AllOf(HasSubstr("2 requests of 2 customers in 77.299 s"),
                                      HasSubstr("1 requests without a token"), HasSubstr("1 inputs are cut")));
  EXPECT_THAT(Read("azure.jsonl"), StartsWith(R"({"timestamp_ms":0.0,"customer":"chat","lengths":[374]})"));
  const ProcessOutcome played = Loadgen({"simulate", "--trace-in", "azure.jsonl", "--strategies", "density,fcfs"});
  EXPECT_EQ(played.exit_code, 0) << played.output;

  const ProcessOutcome wrong = Loadgen({"trace", "convert", "--from", "burstgpt", "--out", "b.jsonl", "code.csv"});
  EXPECT_EQ(wrong.exit_code, 2) << wrong.output;
  EXPECT_THAT(wrong.output, AllOf(HasSubstr("code.csv: line 1"), HasSubstr("'Model'")));
  EXPECT_EQ(Loadgen({"trace", "convert", "--from", "azure", "--out", "b.jsonl", "none.csv"}).exit_code, 2);
  const ProcessOutcome folder = Loadgen({"trace", "convert", "--from", "azure", "--out", "b.jsonl", "."});
  EXPECT_EQ(folder.exit_code, 2) << folder.output;
  EXPECT_THAT(folder.output, HasSubstr("folder"));
}

// The charts that a page holds.
nlohmann::json ChartsOf(const std::string& page) {
  const std::string begin = R"(<script id="data" type="application/json">)";
  const std::size_t from = page.find(begin) + begin.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from))["charts"];
}

TEST_F(ProgramTest, SimulateDrawsTheSameArrivalsUnderEachStrategyIntoAPageThatNeedsNothingElse) {
  const ProcessOutcome outcome = Loadgen({"simulate", "--workload", "seedopen", "--requests", "2000", "--strategies",
                                          "sjf,density", "--html", "batches.html", "--draw-requests", "50"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  const std::string page = Read("batches.html");
  for (const char* const elsewhere : {" src=", " href=", "@import", "url(http", "{{"}) {
    EXPECT_THAT(page, Not(HasSubstr(elsewhere)));
  }
  const nlohmann::json charts = ChartsOf(page);
  ASSERT_EQ(charts.size(), 2U);
  EXPECT_EQ(charts[1]["title"], "density");
  EXPECT_EQ(charts[0]["duration_ms"], charts[1]["duration_ms"]);
  // Both charts have the requests that come in the drawn time.
  const auto arrivals = [](const nlohmann::json& chart) {
    std::map<int, double> times;
    for (const auto& request : chart["requests"]) {
      if (request["arrival_ms"] >= 0) times[request["number"]] = request["arrival_ms"];
    }
    return times;
  };
  EXPECT_EQ(arrivals(charts[0]).size(), 50U);
  EXPECT_EQ(arrivals(charts[0]).begin()->first, 200) << "the first after the warm-up";
  EXPECT_EQ(arrivals(charts[0]), arrivals(charts[1]));
  EXPECT_NE(charts[0]["batches"], charts[1]["batches"]);

  const ProcessOutcome late = Loadgen(
      {"simulate", "--requests", "100", "--strategies", "sjf", "--html", "batches.html", "--draw-first", "100"});
  EXPECT_EQ(late.exit_code, 2) << late.output;
  EXPECT_THAT(late.output, HasSubstr("--draw-first is 100"));
}

TEST_F(ProgramTest, TimelineDrawsADecisionLogAndNamesALineThatIsNone) {
  namespace log = simulation::log_lines;
  const auto at = [](int milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); };
  const std::string text = log::Line(log::Start{{}, {"density", {}}, {}}) +
                           log::Line(log::BackendAdded{0, "b", 2, {}}) +
                           log::Line(log::RequestAccepted{at(5), 0, "<script>alert(1)</script>", {15, 120}, kNever}) +
                           log::Line(log::BatchSent{at(5), 1, "density", 0, {{0, 0}, {0, 1}}, 120, 0.0144, "hold"}) +
                           log::Line(log::BatchEnded{at(20), 1, absl::StatusCode::kOk, false});
  Write("decisions.jsonl", text);
  const ProcessOutcome outcome = Loadgen({"timeline", "decisions.jsonl"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("timeline.html: 1 requests and 1 batches in 0.015 s"));
  const std::string page = Read("timeline.html");
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  const nlohmann::json chart = ChartsOf(page)[0];
  EXPECT_EQ(chart["customers"][0], "<script>alert(1)</script>");
  EXPECT_EQ(chart["batches"][0]["rows"], nlohmann::json::parse("[[0, 15, 0], [0, 120, 0]]"));
  EXPECT_EQ(chart["batches"][0]["end_ms"], 15);

  Write("wrong.jsonl", text + "nonsense\n");
  const ProcessOutcome wrong = Loadgen({"timeline", "wrong.jsonl"});
  EXPECT_EQ(wrong.exit_code, 2) << wrong.output;
  EXPECT_THAT(wrong.output, HasSubstr("wrong.jsonl: line 6"));
  const ProcessOutcome nowhere = Loadgen({"timeline", "decisions.jsonl", "--html", "/proc/no/x.html"});
  EXPECT_EQ(nowhere.exit_code, 1) << nowhere.output;
  EXPECT_THAT(nowhere.output, HasSubstr("/proc/no/x.html"));
}

TEST_F(ProgramTest, RunMeasuresTheActiveStrategy) {
  const ScriptedProxy server;
  const ProcessOutcome outcome =
      Loadgen({"run", "--target", server.address(), "--admin-target", server.address(), "--workload", "seedopen",
               "--seconds", "1", "--warm-up-seconds", "0", "--max-dispatch-delay-ms", "1000", "--rho", "2"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_TRUE(server.switches().empty());
  const nlohmann::json summary = Summary();
  EXPECT_EQ(summary["workloads"][0]["strategies"][0]["strategy"], "fair");
  // Defaults are in the command too.
  EXPECT_THAT(summary["command"].get<std::string>(), EndsWith("--rho 2 --seed 1"));
}

TEST_F(ProgramTest, TooFewSamplesAreAnInvalidRun) {
  const ScriptedProxy server;
  const ProcessOutcome outcome = Loadgen({"run", "--target", server.address(), "--admin-target", server.address(),
                                          "--workload", "two-customers", "--seconds", "0.5", "--warm-up-seconds", "0"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("INVALID"), HasSubstr("too few samples")));
}

TEST_F(ProgramTest, AGeneratorThatCannotKeepItsScheduleIsAnInvalidRun) {
  const ScriptedProxy server;
  const ProcessOutcome outcome =
      Loadgen({"run", "--target", server.address(), "--admin-target", server.address(), "--workload", "eight-and-eight",
               "--seconds", "1", "--warm-up-seconds", "0", "--max-dispatch-delay-ms", "0.001"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("missed its schedule"));
}

TEST_F(ProgramTest, AServerThatFailsEverythingIsAnError) {
  const ScriptedProxy server(
      [](const ReceivedCall&) { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no classifier"); });
  const ProcessOutcome outcome = Loadgen({"run", "--target", server.address(), "--admin-target", server.address(),
                                          "--seconds", "0.3", "--warm-up-seconds", "0", "--progress", "none"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("no request was answered; UNAVAILABLE: no classifier"));
}

TEST_F(ProgramTest, AServerThatGoesAwayMakesTheResultInvalid) {
  auto server = std::make_unique<ScriptedProxy>();
  const std::string address = server->address();
  std::jthread killer([&server] {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    server.reset();
  });
  const ProcessOutcome outcome =
      Loadgen({"run", "--target", address, "--admin-target", address, "--workload", "seedopen", "--rho", "2",
               "--seconds", "4", "--warm-up-seconds", "0", "--max-dispatch-delay-ms", "1000", "--progress", "none"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("INVALID"), HasSubstr("the server was gone")));
  EXPECT_EQ(Summary()["valid"], false);
  const ProcessOutcome again = Loadgen({"report"});
  EXPECT_EQ(again.exit_code, 3) << "what is read again is as invalid: " << again.output;
}

TEST_F(ProgramTest, AServerThatRefusesIsMeasured) {
  // The reason is the server's own, so there was a connection.
  std::atomic<int> calls = 0;
  const ScriptedProxy server([&calls](const ReceivedCall&) {
    if (calls++ % 2 == 0) return grpc::Status::OK;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no classifier", "details");
  });
  const ProcessOutcome outcome =
      Loadgen({"run", "--target", server.address(), "--admin-target", server.address(), "--workload", "seedopen",
               "--rho", "2", "--seconds", "2", "--warm-up-seconds", "0", "--max-dispatch-delay-ms", "1000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

TEST_F(ProgramTest, CtrlCEndsTheBlockWritesTheResultsSoFarAndRestores) {
  const ScriptedProxy server;
  ::smartbatch::testing::Process process(
      "loadgen", {"compare", "--target", server.address(), "--admin-target", server.address(), "--strategies", "sjf",
                  "--seconds", "60", "--warm-up-seconds", "0", "--results", (folder_ / "results").string()});
  for (int i = 0; i < 500 && server.switches().empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_EQ(server.active_strategy(), "sjf");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(), 130);
  EXPECT_EQ(server.active_strategy(), "fair");
  const nlohmann::json summary = Summary();
  EXPECT_EQ(summary["interrupted"], true);
  EXPECT_EQ(summary["blocks"].size(), 1U);
  EXPECT_TRUE(FilesEndingIn(".partial").empty());
}

TEST_F(ProgramTest, AServerThatDiesDuringAComparisonLeavesAnInvalidResultAndAnError) {
  auto server = std::make_unique<ScriptedProxy>();
  const std::jthread killer([&] {
    for (int i = 0; i < 500 && server->switches().empty(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    server.reset();
  });
  const std::string address = server->address();
  const ProcessOutcome outcome =
      Loadgen({"compare", "--target", address, "--admin-target", address, "--workload", "eight-and-eight",
               "--strategies", "sjf,fair", "--seconds", "1", "--warm-up-seconds", "0"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("INVALID"), HasSubstr("ended early"), HasSubstr("requests failed")));
  EXPECT_EQ(Summary()["valid"], false);
}

TEST_F(ProgramTest, NoServerIsOneLineWithTheRemedy) {
  for (const char* const verb : {"run", "compare"}) {
    const ProcessOutcome outcome = Loadgen({verb, "--target", kNobody, "--admin-target", kNobody});
    EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
    EXPECT_THAT(outcome.output,
                AllOf(StartsWith("loadgen: "), HasSubstr(kNobody), HasSubstr("start smartbatch-proxy")));
    EXPECT_EQ(Lines(outcome.output), 1U) << outcome.output;
  }
  EXPECT_TRUE(FilesEndingIn("").empty());
}

TEST_F(ProgramTest, UnknownNamesAreAUsageErrorThatListsTheValidOnes) {
  const ScriptedProxy server;
  const ProcessOutcome workload = Loadgen({"run", "--workload", "nonsense"});
  EXPECT_EQ(workload.exit_code, 2);
  EXPECT_THAT(workload.output, AllOf(HasSubstr("'nonsense'"), HasSubstr("two-customers")));
  const ProcessOutcome strategy =
      Loadgen({"compare", "--target", server.address(), "--admin-target", server.address(), "--strategies", "lifo"});
  EXPECT_EQ(strategy.exit_code, 2);
  EXPECT_THAT(strategy.output, AllOf(HasSubstr("'lifo'"), HasSubstr("fair, fcfs, sjf")));
  EXPECT_TRUE(server.switches().empty());
  EXPECT_EQ(Loadgen({"nonsense"}).exit_code, 2);
  EXPECT_EQ(Loadgen({"run", "--seconds", "-1"}).exit_code, 2);
  EXPECT_EQ(Loadgen({"run", "--target", "nonsense"}).exit_code, 2);
}

TEST_F(ProgramTest, AResultsFolderThatCannotBeWrittenIsToldBeforeAnythingIsMeasured) {
  const ScriptedProxy server;
  std::ofstream(folder_ / "file") << "x";
  const ProcessOutcome outcome = Loadgen(
      {"compare", "--target", server.address(), "--admin-target", server.address(), "--results", "file/results"});
  EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("'file/results' (Not a directory)"), HasSubstr("--results")));
  EXPECT_EQ(Lines(outcome.output), 1U);
  EXPECT_TRUE(server.switches().empty());
}

TEST_F(ProgramTest, StrategyShowsSetsAndLists) {
  const ScriptedProxy server;
  EXPECT_THAT(Loadgen({"strategy", "get", "--admin-target", server.address()}).output, StartsWith("fair "));
  const ProcessOutcome set = Loadgen({"strategy", "set", "sjf", "--admin-target", server.address()});
  EXPECT_EQ(set.exit_code, 0);
  EXPECT_THAT(set.output, StartsWith("fair -> sjf"));
  EXPECT_EQ(server.active_strategy(), "sjf");
  EXPECT_THAT(Loadgen({"strategy", "list", "--admin-target", server.address()}).output, HasSubstr("sjf (active)"));
  EXPECT_EQ(Loadgen({"strategy", "set", "lifo", "--admin-target", server.address()}).exit_code, 2);
  EXPECT_EQ(Loadgen({"strategy", "set", "sjf", "--param", "x", "--admin-target", server.address()}).exit_code, 2);
}

TEST_F(ProgramTest, ProbeAnswersByItsExitCode) {
  grpc::EnableDefaultHealthCheckService(true);
  const ScriptedProxy server;
  const ProcessOutcome healthy = Loadgen({"probe", "--target", server.address()});
  EXPECT_EQ(healthy.exit_code, 0) << healthy.output;
  EXPECT_THAT(healthy.output, EndsWith(": SERVING\n"));
  EXPECT_EQ(Loadgen({"probe", "--target", server.address(), "--service", "no.such.Service"}).exit_code, 1);
  EXPECT_EQ(Loadgen({"probe", "--target", kNobody, "--timeout-ms", "200"}).exit_code, 1);
}

TEST_F(ProgramTest, ClassifyPrintsALineForEachPiece) {
  const ScriptedProxy server;
  std::ofstream(folder_ / "text.txt") << "Some prose\nof two lines.\n\nint x = 1;\n";
  const ProcessOutcome outcome = Loadgen({"classify", "text.txt", "--target", server.address()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output,
              AllOf(HasSubstr("text.txt: 2 pieces"), HasSubstr("Some prose of two lines."), HasSubstr("int x = 1;")));
  EXPECT_EQ(Loadgen({"classify", "missing.txt", "--target", server.address()}).exit_code, 2);
  EXPECT_EQ(Loadgen({"classify", "text.txt", "--target", kNobody}).exit_code, 1);
}

TEST_F(ProgramTest, EveryVerbHasHelpWithExamples) {
  for (const char* const verb : {"run", "compare", "report", "diff", "strategy", "probe", "classify"}) {
    const ProcessOutcome outcome = Loadgen({verb, "--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.output, HasSubstr("Examples:\n  loadgen " + std::string(verb)));
  }
}

}  // namespace
}  // namespace smartbatch::loadgen
