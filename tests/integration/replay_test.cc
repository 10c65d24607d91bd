// The log of a live proxy is played back through the scheduler, which chooses the same batches.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// A folder that exists for one test.
class Folder {
 public:
  Folder() : path_(std::filesystem::path(::testing::TempDir()) / ("replay-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

struct Replayed {
  int exit_code = -1;
  std::string output;
  int same_batches = 0;
};
Replayed Replay(const std::string& log, const Flags& flags = {}) {
  Flags arguments = {"verify", log};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const Finished finished = RunToEnd("loadgen", arguments);
  Replayed replayed{finished.exit_code.value_or(-1), finished.standard_output, 0};
  std::smatch match;
  if (std::regex_search(replayed.output, match, std::regex(", ([0-9]+) batches that are the same"))) {
    replayed.same_batches = std::stoi(match[1]);
  }
  return replayed;
}

void StopProxy(ProxyProcess& proxy) {
  proxy.process().Signal(SIGTERM);
  ASSERT_EQ(proxy.process().Wait(), 0);
}

TEST(ALiveTraceOfBusyAndSmallClassifiers, ReplaysToTheSameBatches) {
  const Folder folder;
  const std::string log = folder / "decisions.jsonl";
  {
    const Flags cost = {"--cost-fixed", "0.005", "--cost-quadratic", "0"};
    Flags small = cost;
    small.insert(small.end(), {"--max-batch-size", "3", "--max-waiting", "0"});
    ClassifierProcess classifier(small);
    Flags logged = cost;
    logged.insert(logged.end(), {"--decision-log", log});
    ProxyProcess proxy(classifier.address(), logged);
    ProxyProcess rival(classifier.address(), cost);
    Load load(proxy.address(), {.callers = 12});
    Load others(rival.address(), {.callers = 12});
    std::this_thread::sleep_for(std::chrono::seconds(2));
    load.Stop();
    others.Stop();
    StopProxy(proxy);
  }
  std::ifstream file(log);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_THAT(text, HasSubstr("RESOURCE_EXHAUSTED"));
  EXPECT_THAT(text, HasSubstr("INVALID_ARGUMENT"));
  const Replayed replayed = Replay(log);
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_GT(replayed.same_batches, 20);
}

// How long a batch waits for company depends on whether its cost is told: by the cost that is believed at first each of
// these would wait for a second.
TEST(ALiveTraceOfAFreshProxy, ReplaysToTheSameBatchesSinceItSaysThatCostsAreAssumed) {
  const Folder folder;
  const std::string log = folder / "decisions.jsonl";
  {
    ClassifierProcess classifier({"--cost-fixed", "0.01", "--cost-quadratic", "0"});
    ProxyProcess proxy(classifier.address(), {"--decision-log", log});
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(proxy.Classify({std::string(20'000, 'x')}).status.ok());
    StopProxy(proxy);
  }
  const Replayed replayed = Replay(log);
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_EQ(replayed.same_batches, 6);

  // The control: the same log, as if the cost had been told.
  std::ifstream file(log);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string told = folder / "told.jsonl";
  std::ofstream(told) << std::regex_replace(text, std::regex(R"("costs_are_assumed":true)"),
                                            R"("costs_are_assumed":false)");
  EXPECT_EQ(Replay(told).exit_code, 1);
}

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  for (const auto& strategy : scheduling::AllStrategies()) names.push_back(strategy.name);
  return names;
}

class ALiveTrace : public ::testing::TestWithParam<std::string> {};

TEST_P(ALiveTrace, ReplaysToTheSameBatches) {
  const Folder folder;
  const std::string log = folder / "decisions.jsonl";
  {
    // A tenth of the time that the proxy believes at first: it learns while it runs, and so must the replay.
    ClassifierProcess classifier({"--cost-quadratic", "1e-7"});
    ProxyProcess proxy(classifier.address(), {"--strategy", GetParam(), "--decision-log", log});
    const Finished run =
        RunToEnd("loadgen", {"run", "--workload", "seedopen", "--rho", "8", "--seconds", "3", "--warm-up-seconds",
                             "0.2", "--target", proxy.address(), "--admin-target", proxy.admin_address(), "--results",
                             folder / "results", "--progress", "none"});
    // Exit code 3: the machine was too busy to send on time, which does not matter here.
    ASSERT_TRUE(run.exit_code == 0 || run.exit_code == 3) << run.standard_output;
    StopProxy(proxy);
  }
  const Replayed replayed = Replay(log);
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_GT(replayed.same_batches, 50) << replayed.output;

  // The control: another strategy soon chooses differently, and that is seen.
  const std::string other = GetParam() == "fair" ? "density" : "fair";
  const Replayed control = Replay(log, {"--strategy", other});
  EXPECT_EQ(control.exit_code, 1) << control.output;
  EXPECT_THAT(control.output, HasSubstr("then one that is not: the log has"));
}

INSTANTIATE_TEST_SUITE_P(Strategies, ALiveTrace, ::testing::ValuesIn(StrategyNames()),
                         [](const auto& tested) { return tested.param; });

TEST(ALiveTraceWithTrouble, ReplaysToTheSameBatchesToo) {
  const Folder folder;
  const std::string log = folder / "decisions.jsonl";
  {
    ClassifierProcess classifier(
        {"--cost-quadratic", "3e-7", "--fault-error-rate", "0.05", "--fault-slow-rate", "0.05"});
    ProxyProcess proxy(classifier.address(),
                       {"--strategy", "density", "--decision-log", log, "--slots", "2", "--threads", "2"});
    Load load(proxy.address(), {.callers = 24, .impatient_share = 0.1, .cancelled_share = 0.1});
    for (const char* const strategy : {"fcfs", "weighted_fair", "sjf", "density"}) {
      std::this_thread::sleep_for(milliseconds(400));
      ASSERT_TRUE(proxy.SetStrategy(strategy).ok());
    }
    std::this_thread::sleep_for(milliseconds(400));
    load.Stop();
    StopProxy(proxy);
  }
  const Replayed replayed = Replay(log);
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_GT(replayed.same_batches, 50) << replayed.output;

  std::ifstream file(log);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (const char* const part : {"\"cancelled\"", "\"INTERNAL\"", "\"retry\"", "\"event\":\"strategy\""}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ADecisionLog, IsAlsoATrace) {
  const Folder folder;
  const std::string log = folder / "decisions.jsonl";
  {
    ClassifierProcess classifier;
    ProxyProcess proxy(classifier.address(), {"--decision-log", log});
    EXPECT_EQ(proxy.Metrics().Value("smartbatch_decision_log_dropped_lines_total"), 0);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(proxy.Classify({"hello", "def foo(): pass"}, "someone").status.ok());
    StopProxy(proxy);
  }
  const Finished simulated = RunToEnd(
      "loadgen", {"simulate", "--trace-in", log, "--strategies", "sjf", "--warm-up-share", "0", "--format", "json"});
  EXPECT_EQ(simulated.exit_code, 0);
  EXPECT_THAT(simulated.standard_output, HasSubstr("\"answered\": 5"));
}

TEST(ADecisionLog, ThatCannotBeWrittenStopsTheProxyFromStarting) {
  const Finished finished = RunToEnd("smartbatch-proxy", {"--decision-log", "/nowhere/decisions.jsonl"});
  EXPECT_EQ(finished.exit_code, 2);
}

}  // namespace
}  // namespace smartbatch::testing
