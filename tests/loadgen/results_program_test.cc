// What the program does with results: reports again, differences, objectives, baselines, metrics and progress.
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/loadgen/program_fixture.h"
#include "tests/loadgen/scripted_proxy.h"
#include "tests/support/http_get.h"
#include "tests/support/process.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string TextOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// One customer's measurements on a server that answers after `milliseconds`.
class AnsweringAfter {
 public:
  explicit AnsweringAfter(int milliseconds)
      : server_([milliseconds](const ReceivedCall&) {
          std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
          return grpc::Status::OK;
        }) {}
  const std::string& address() const { return server_.address(); }

 private:
  ScriptedProxy server_;
};

std::vector<std::string> RunFlags(const std::string& address, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"run",
                                        "--target",
                                        address,
                                        "--admin-target",
                                        address,
                                        "--workload",
                                        "eight-and-eight",
                                        "--seconds",
                                        "1",
                                        "--warm-up-seconds",
                                        "0.1",
                                        "--repeats",
                                        "3",
                                        "--max-dispatch-delay-ms",
                                        "5000",
                                        "--progress",
                                        "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_F(ProgramTest, ReportMakesEveryOutputAgainFromTheRawFiles) {
  const AnsweringAfter server(5);
  ASSERT_EQ(Loadgen(RunFlags(server.address(), {"--slo", "max<60s"})).exit_code, 0);
  const std::vector<std::string> ends = {"_summary.json", "_summary.txt", "_report.html", ".gp", ".dat"};
  std::vector<std::string> before;
  for (const std::string& end : ends) {
    const fs::path file = OnlyFile(end);
    before.push_back(TextOf(file));
    fs::remove(file);
  }
  const ProcessOutcome outcome = Loadgen({"report"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  for (std::size_t i = 0; i < ends.size(); ++i) EXPECT_EQ(TextOf(OnlyFile(ends[i])), before[i]) << ends[i];

  // Into another folder, with the file named.
  const std::string blocks = OnlyFile("_blocks.json").string();
  EXPECT_EQ(Loadgen({"report", blocks, "--results", "again"}).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "again" / OnlyFile("_summary.json").filename()));
}

TEST_F(ProgramTest, ReportSaysWhatIsMissing) {
  const ProcessOutcome none = Loadgen({"report", "."});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.output, HasSubstr("no raw results (*_blocks.json) in '.'"));
  std::ofstream(folder_ / "x_blocks.json") << "{}";
  const ProcessOutcome damaged = Loadgen({"report", "."});
  EXPECT_EQ(damaged.exit_code, 2);
  EXPECT_THAT(damaged.output, HasSubstr("x_blocks.json: "));
}

TEST_F(ProgramTest, ABaselineFailsARunThatIsSlowerAndPassesOneThatIsNot) {
  const AnsweringAfter server(20);
  ASSERT_EQ(Loadgen(RunFlags(server.address(), {})).exit_code, 0);
  const std::string baseline = OnlyFile("_summary.json").string();

  const ProcessOutcome same = Loadgen(RunFlags(server.address(), {"--baseline", baseline, "--tolerance", "40"}));
  EXPECT_EQ(same.exit_code, 0) << same.output;
  EXPECT_THAT(same.output, HasSubstr("Nothing became worse."));

  const AnsweringAfter slower(60);
  const ProcessOutcome worse = Loadgen(RunFlags(slower.address(), {"--baseline", baseline, "--tolerance", "40"}));
  EXPECT_EQ(worse.exit_code, 4) << worse.output;
  EXPECT_THAT(worse.output, AllOf(HasSubstr("WORSE"), HasSubstr("Worse: mean latency of eight-and-eight under fair")));
}

TEST_F(ProgramTest, DiffComparesTwoSummaries) {
  const AnsweringAfter server(20);
  ASSERT_EQ(Loadgen(RunFlags(server.address(), {})).exit_code, 0);
  const std::string before = OnlyFile("_summary.json").string();
  // Every latency of every repeat is raised by a tenth.
  nlohmann::json summary = Summary();
  for (auto& repeat : summary["workloads"][0]["strategies"][0]["repeats"]) {
    for (auto* slice : {&repeat["all"], &repeat["groups"][0], &repeat["groups"][1]}) {
      (*slice)["latency_ms"]["mean"] = 1.1 * (*slice)["latency_ms"]["mean"].get<double>();
    }
  }
  const std::string after = (folder_ / "after.json").string();
  std::ofstream(after) << summary;

  const ProcessOutcome same = Loadgen({"diff", before, before});
  EXPECT_EQ(same.exit_code, 0) << same.output;
  const ProcessOutcome worse = Loadgen({"diff", before, after});
  EXPECT_EQ(worse.exit_code, 4) << worse.output;
  EXPECT_THAT(worse.output, AllOf(HasSubstr("+10.0 %"), HasSubstr("Worse: mean latency")));
  EXPECT_EQ(Loadgen({"diff", before, after, "--tolerance", "11"}).exit_code, 0);
  EXPECT_EQ(Loadgen({"diff", after, before}).exit_code, 0);

  summary["valid"] = false;
  std::ofstream(after) << summary;
  EXPECT_EQ(Loadgen({"diff", before, after}).exit_code, 3);
  summary["workloads"] = nlohmann::json::array();
  std::ofstream(after) << summary;
  EXPECT_THAT(Loadgen({"diff", before, after}).output, HasSubstr("no figure in common"));
  EXPECT_EQ(Loadgen({"diff", before, "nowhere.json"}).exit_code, 2);
  EXPECT_EQ(Loadgen({"diff", before}).exit_code, 2);
}

TEST_F(ProgramTest, AnObjectiveThatIsBrokenIsExitCode99) {
  const AnsweringAfter server(20);
  const ProcessOutcome kept = Loadgen(RunFlags(server.address(), {"--slo", "A:max<20s", "--slo", "failed<1%"}));
  EXPECT_EQ(kept.exit_code, 0) << kept.output;
  EXPECT_THAT(kept.output, HasSubstr("A:max<20s for eight-and-eight under fair: kept"));
  const ProcessOutcome broken = Loadgen(RunFlags(server.address(), {"--slo", "A:max<20s", "--slo", "p50<10ms"}));
  EXPECT_EQ(broken.exit_code, 99) << broken.output;
  EXPECT_THAT(broken.output, HasSubstr("p50<10ms for eight-and-eight under fair: BROKEN"));
}

TEST_F(ProgramTest, ABadObjectiveOrBaselineIsAUsageErrorBeforeAnyLoad) {
  const ScriptedProxy server([](const ReceivedCall&) {
    ADD_FAILURE() << "a request was sent";
    return grpc::Status::OK;
  });
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--slo", "A:p95<500"}, "--slo 'A:p95<500' at character 10: expected the unit us, ms or s"},
      {{"--slo", "Z:p95<500ms"}, "no customer or group 'Z'; there are A, A01"},
      {{"--baseline", "missing.json"}, "'missing.json' cannot be read"}};
  for (const auto& [flags, message] : wrong) {
    const ProcessOutcome outcome = Loadgen(RunFlags(server.address(), flags));
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_THAT(outcome.output, HasSubstr(message));
    EXPECT_EQ(std::count(outcome.output.begin(), outcome.output.end(), '\n'), 1) << outcome.output;
  }
  EXPECT_TRUE(FilesEndingIn("").empty());
}

TEST_F(ProgramTest, AFolderGivenForAFileIsOneLineAndNoCrash) {
  const std::string target = "127.0.0.1:1";
  const std::vector<std::vector<std::string>> calls = {{"verify", "."},
                                                       {"diff", ".", "."},
                                                       {"report", "."},
                                                       {"classify", "--target", target, "."},
                                                       {"classify", "--target", target, "/proc/self/mem"},
                                                       {"run", "--target", target, "--workload", "."},
                                                       {"run", "--target", target, "--baseline", "."},
                                                       {"run", "--target", target, "--tls", "--ca", "."},
                                                       {"run", "--target", target, "--token-file", "."},
                                                       {"simulate", "--trace-in", "."},
                                                       {"replay", "--target", target, "."}};
  std::filesystem::create_directory(folder_ / "folder_blocks.json");
  for (const std::vector<std::string>& call : calls) {
    const ProcessOutcome outcome = Loadgen(call);
    const std::string shown = call.front() + " " + call.back() + ": " + outcome.output;
    EXPECT_EQ(outcome.exit_code, 2) << shown;
    EXPECT_THAT(outcome.output, HasSubstr("cannot be read")) << shown;
    EXPECT_EQ(Lines(outcome.output), 1U) << shown;
  }
}

TEST_F(ProgramTest, AStrategyMayBeComparedWithItselfAndWithOtherParameters) {
  const ScriptedProxy server;
  const ProcessOutcome outcome =
      Loadgen({"compare", "--target", server.address(), "--admin-target", server.address(), "--strategies",
               "sjf,sjf,fcfs:linger_ms=0", "--seconds", "0.6", "--warm-up-seconds", "0", "--repeats", "2",
               "--max-dispatch-delay-ms", "5000", "--progress", "none"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  std::vector<std::string> names;
  const nlohmann::json summary = Summary();
  for (const auto& strategy : summary["workloads"][0]["strategies"]) names.push_back(strategy["strategy"]);
  EXPECT_THAT(names, ::testing::ElementsAre("fcfs:linger_ms=0", "sjf", "sjf#2"));
  EXPECT_EQ(Loadgen({"compare", "--target", server.address(), "--admin-target", server.address(), "--strategies",
                     "fcfs:linger"})
                .exit_code,
            2);
}

TEST_F(ProgramTest, TheRunningLoadCanBeScraped) {
  const AnsweringAfter server(5);
  // Through a shell, so that the messages come on the output that this test reads.
  ::smartbatch::testing::Process process(
      "/bin/sh", {"-c", "exec \"$0\" \"$@\" 2>&1", SMARTBATCH_BIN_DIR "/loadgen", "run", "--target", server.address(),
                  "--admin-target", server.address(), "--seconds", "20", "--warm-up-seconds", "0", "--metrics-listen",
                  "127.0.0.1:0", "--results", (folder_ / "results").string()});
  const std::string line = process.ReadLine(std::chrono::seconds(20)).value_or("");
  std::smatch address;
  ASSERT_TRUE(std::regex_match(line, address, std::regex("metrics on http://(127.0.0.1:[0-9]+)/metrics"))) << line;
  std::string text;
  const std::regex answered("outcome=\"ok\",strategy=\"fair\"} [1-9]");
  for (int i = 0; i < 200 && !std::regex_search(text, answered); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    text = testing::HttpGet(address[1], "/metrics");
  }
  EXPECT_THAT(text, AllOf(HasSubstr("loadgen_block_info{strategy=\"fair\",workload=\"eight-and-eight\"} 1"),
                          HasSubstr("loadgen_request_latency_seconds_bucket{customer=\"A01\""),
                          ::testing::Truly([&](const std::string& all) { return std::regex_search(all, answered); })));
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(), 130);
}

TEST_F(ProgramTest, MetricsThatCannotBeServedAreToldBeforeAnyLoad) {
  const ScriptedProxy server;
  const ProcessOutcome outcome = Loadgen(RunFlags(server.address(), {"--metrics-listen", server.address()}));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("cannot serve metrics on " + server.address()));
}

// What loadgen writes to its standard error, a terminal of `columns` columns.
std::string OnATerminal(const std::vector<std::string>& arguments, unsigned short columns, const fs::path& folder) {
  winsize size{24, columns, 0, 0};
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    if (chdir(folder.c_str()) != 0 || std::freopen("/dev/null", "w", stdout) == nullptr) _exit(126);
    std::vector<std::string> copies = arguments;
    copies.insert(copies.begin(), SMARTBATCH_BIN_DIR "/loadgen");
    std::vector<char*> pointers;
    for (std::string& argument : copies) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = read(terminal, buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
    // If the other end closes, reading a terminal fails with EIO.
    if (count == 0 || (count < 0 && errno != EINTR)) break;
  }
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0) << text;
  return text;
}

TEST_F(ProgramTest, OnATerminalProgressIsOneLineThatIsOverwritten) {
  const AnsweringAfter server(5);
  std::vector<std::string> arguments = RunFlags(server.address(), {});
  arguments[arguments.size() - 1] = "auto";
  const std::string wide = OnATerminal(arguments, 200, folder_);
  EXPECT_THAT(wide, HasSubstr("\r\x1b[Kblock 1/3  eight-and-eight  fair  "));
  EXPECT_THAT(wide,
              ::testing::ContainsRegex("block 3/3 .* answers/s  [0-9]+ in flight  p50 .* ms  p99 .* ms  0 errors"));
  // The seeds come first, on a line that stays.
  EXPECT_THAT(wide.substr(wide.find("\r\x1b[K")), Not(HasSubstr("\n")));

  // A line that does not fit is cut: a line that wraps could not be overwritten.
  const std::string narrow = OnATerminal(arguments, 40, folder_);
  std::size_t longest = 0;
  const std::regex shown("\x1b\\[K([^\r]*)");
  for (std::sregex_iterator line(narrow.begin(), narrow.end(), shown), end; line != end; ++line) {
    longest = std::max(longest, (*line)[1].str().size());
  }
  EXPECT_EQ(longest, 39U);
}

TEST_F(ProgramTest, InAPipeProgressIsPlainLinesAndNoneOnRequest) {
  const AnsweringAfter server(5);
  std::vector<std::string> arguments = RunFlags(server.address(), {});
  const ProcessOutcome none = Loadgen(arguments);
  EXPECT_THAT(none.output, Not(HasSubstr("in flight")));
  arguments[arguments.size() - 1] = "auto";
  const ProcessOutcome plain = Loadgen(arguments);
  EXPECT_THAT(plain.output, ::testing::ContainsRegex("\nblock 3/3  eight-and-eight  fair  1/1 s  .* 0 errors\n"));
  EXPECT_THAT(plain.output, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace smartbatch::loadgen
