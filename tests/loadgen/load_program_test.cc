// The verbs that make load, as people call them: workloads, traces, models, interruptions.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include <gmock/gmock.h>

#include "common/utf8.h"
#include "tests/loadgen/program_fixture.h"
#include "tests/loadgen/scripted_inference_server.h"
#include "tests/loadgen/scripted_proxy.h"
#include "tests/support/process.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LoadProgramTest : public ProgramTest {};

// What a server received: each customer's requests, as the lengths of their sequences, in order.
using Received = std::map<std::string, std::vector<std::vector<std::uint32_t>>>;

class RecordingServer {
 public:
  RecordingServer()
      : proxy_([this](const ReceivedCall& call) {
          std::vector<std::uint32_t> lengths;
          for (const std::string& text : call.request.sequences()) {
            lengths.push_back(static_cast<std::uint32_t>(CountCodePoints(text).value_or(0)));
          }
          const std::scoped_lock lock(mutex_);
          received_[call.customer].push_back(lengths);
          return grpc::Status::OK;
        }) {}

  const std::string& address() const { return proxy_.address(); }
  // Sorted by lengths: calls may overtake each other.
  Received Take() {
    const std::scoped_lock lock(mutex_);
    Received taken = std::exchange(received_, {});
    for (auto& [customer, requests] : taken) std::sort(requests.begin(), requests.end());
    return taken;
  }

 private:
  std::mutex mutex_;
  Received received_;
  const ScriptedProxy proxy_;
};

struct TraceLine {
  double timestamp_ms = 0;
  std::string customer;
  std::vector<std::uint32_t> lengths;
};

std::vector<TraceLine> ParseTrace(const std::string& text) {
  std::vector<TraceLine> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const auto json = nlohmann::json::parse(line);
    lines.push_back({json["timestamp_ms"], json["customer"], json["lengths"]});
  }
  return lines;
}

Received ReceivedOf(const std::vector<TraceLine>& trace, double until_ms) {
  Received received;
  for (const TraceLine& line : trace) {
    if (line.timestamp_ms < until_ms) received[line.customer].push_back(line.lengths);
  }
  for (auto& [customer, requests] : received) std::sort(requests.begin(), requests.end());
  return received;
}

constexpr char kOffice[] = R"-({
  "name": "office", "description": "two open loops", "schedule": "step(1@0s,2@400ms)",
  "customers": [
    {"name": "chat", "rate": 80, "arrival": "gamma(0.5)", "length": "lognormal(40,1,5,300)", "sequences": "1..4"},
    {"name": "bulk-", "count": 2, "arrival": "on_off(80,10,200ms,200ms)", "length": "uniform(100,200)"}
  ]})-";

TEST_F(LoadProgramTest, TheSameSeedGivesTheSameArrivalsInSimulateRunAndCompare) {
  RecordingServer server;
  Write("office.json", kOffice);
  const std::vector<std::string> load = {"--workload",
                                         "office.json",
                                         "--seed-arrivals",
                                         "5",
                                         "--seed-sizes",
                                         "6",
                                         "--seconds",
                                         "1",
                                         "--target",
                                         server.address(),
                                         "--admin-target",
                                         server.address(),
                                         "--warm-up-seconds",
                                         "0",
                                         "--max-dispatch-delay-ms",
                                         "10000"};
  const auto with_load = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), load.begin(), load.end());
    return Loadgen(arguments);
  };
  const ProcessOutcome simulated =
      Loadgen({"simulate", "--workload", "office.json", "--seed-arrivals", "5", "--seed-sizes", "6", "--requests",
               "600", "--strategies", "sjf", "--trace-out", "simulated.jsonl", "--allow-unstable"});
  ASSERT_EQ(simulated.exit_code, 0) << simulated.output;
  EXPECT_THAT(simulated.output, HasSubstr("arrivals 5, sizes 6, think times 1"));
  const std::vector<TraceLine> trace = ParseTrace(Read("simulated.jsonl"));
  ASSERT_GT(trace.back().timestamp_ms, 1000);
  const Received expected = ReceivedOf(trace, 1000);

  const ProcessOutcome run = with_load({"run"});
  EXPECT_EQ(run.exit_code, 0) << run.output;
  EXPECT_THAT(run.output, HasSubstr("arrivals 5, sizes 6, think times 1"));
  EXPECT_EQ(server.Take(), expected);
  const ProcessOutcome compared = with_load({"compare", "--strategies", "sjf", "--repeats", "1"});
  EXPECT_EQ(compared.exit_code, 0) << compared.output;
  EXPECT_EQ(server.Take(), expected);

  // And at the same moments: what was due is the same file, with a server and without.
  const ProcessOutcome recorded = with_load({"record", "live.jsonl"});
  EXPECT_EQ(recorded.exit_code, 0) << recorded.output;
  EXPECT_EQ(server.Take(), expected);
  EXPECT_EQ(with_load({"record", "planned.jsonl", "--no-server"}).exit_code, 0);
  EXPECT_TRUE(server.Take().empty());
  EXPECT_EQ(Read("live.jsonl"), Read("planned.jsonl"));
  EXPECT_THAT(Read("simulated.jsonl"), StartsWith(Read("planned.jsonl")));
}

TEST_F(LoadProgramTest, AModelOfOnesOwnIsRecordedReplayedAndMeasuredByTheOpenInferenceProtocol) {
  std::mutex mutex;
  std::vector<std::int64_t> rows;
  const ScriptedModel model(MetadataOf("mine", {{"text", "BYTES", {-1, 1}}}),
                            [&](const auto& request, auto& response, auto&) {
                              AnswerRows(request.inputs(0).shape(0), response);
                              const std::scoped_lock lock(mutex);
                              rows.push_back(request.inputs(0).shape(0));
                              return grpc::Status::OK;
                            });
  const auto with_model = [&](std::vector<std::string> arguments) {
    for (const char* const each : {"--protocol", "open-inference", "--model", "mine", "--target"}) {
      arguments.emplace_back(each);
    }
    arguments.push_back(model.address());
    const ProcessOutcome outcome = Loadgen(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    const std::scoped_lock lock(mutex);
    std::sort(rows.begin(), rows.end());
    return std::exchange(rows, {});
  };
  const auto recorded =
      with_model({"record", "plan.jsonl", "--customer", "anna:rate=50,len=10,sequences=1..4", "--seconds", "1"});
  EXPECT_GT(recorded.size(), 20U);
  const auto without_server = {"--admin-target", kNobody, "--max-dispatch-delay-ms", "10000"};
  std::vector<std::string> replay = {"replay", "plan.jsonl"};
  replay.insert(replay.end(), without_server.begin(), without_server.end());
  EXPECT_EQ(with_model(replay), recorded);
  EXPECT_EQ(Summary()["workloads"][0]["strategies"][0]["all"]["answered"], recorded.size());
}

TEST_F(LoadProgramTest, AModelIsNamedInEveryCallOfCustomersAndOfOperators) {
  std::mutex mutex;
  std::set<std::string> called;
  const ScriptedProxy server([&](const ReceivedCall& call) {
    const std::scoped_lock lock(mutex);
    called.insert(call.request.model());
    return grpc::Status::OK;
  });
  Write("plan.jsonl", R"({"timestamp_ms": 1, "customer": "a", "lengths": [5]})"
                      "\n");
  Write("text", "one paragraph");
  const std::vector<std::string> to_server = {"--target", server.address(), "--admin-target", server.address()};
  const std::vector<std::string> short_load = {
      "--customer", "a:rate=50,len=10",        "--seconds", "0.5", "--warm-up-seconds",
      "0",          "--max-dispatch-delay-ms", "10000"};
  const std::vector<std::pair<std::vector<std::string>, bool>> verbs = {
      {{"run"}, true},
      {{"compare", "--strategies", "fcfs,sjf", "--repeats", "1"}, true},
      {{"sweep", "--slo", "p95<10s", "--strategies", "fcfs", "--start", "400", "--most-trials", "2", "--no-simulation"},
       true},
      {{"record", "out.jsonl"}, true},
      {{"replay", "plan.jsonl"}, false},
  };
  for (const auto& [verb, with_load] : verbs) {
    std::vector<std::string> arguments = verb;
    arguments.insert(arguments.end(), to_server.begin(), to_server.end());
    if (with_load) arguments.insert(arguments.end(), short_load.begin(), short_load.end());
    arguments.insert(arguments.end(), {"--model", "second"});
    const ProcessOutcome outcome = Loadgen(arguments);
    EXPECT_THAT(outcome.exit_code, ::testing::AnyOf(0, 3)) << verb.front() << ": " << outcome.output;
    EXPECT_EQ(std::exchange(called, {}), std::set<std::string>{"second"}) << verb.front();
  }
  EXPECT_EQ(server.models(), std::set<std::string>{"second"});
  const ProcessOutcome classified = Loadgen({"classify", "text", "--target", server.address(), "--model", "third"});
  EXPECT_EQ(classified.exit_code, 0) << classified.output;
  EXPECT_EQ(called, std::set<std::string>{"third"});
}

TEST_F(LoadProgramTest, TheOpenInferenceProtocolNeedsAModel) {
  const ProcessOutcome no_model = Loadgen({"run", "--protocol", "open-inference", "--target", kNobody});
  EXPECT_EQ(no_model.exit_code, 2) << no_model.output;
  EXPECT_THAT(no_model.output, HasSubstr("--protocol open-inference needs --model"));
}

TEST_F(LoadProgramTest, ARecordedClosedLoopIsReplayedAsItWas) {
  RecordingServer server;
  const std::vector<std::string> to_server = {"--target", server.address(), "--admin-target", server.address()};
  const auto with_server = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), to_server.begin(), to_server.end());
    return Loadgen(arguments);
  };
  const ProcessOutcome recorded = with_server({"record", "loop.jsonl", "--seconds", "1", "--customer",
                                               "a:think=exponential(20ms),len=uniform(5,50),sequences=1..3"});
  ASSERT_EQ(recorded.exit_code, 0) << recorded.output;
  const Received sent = server.Take();
  EXPECT_EQ(sent, ReceivedOf(ParseTrace(Read("loop.jsonl")), 1e9));
  EXPECT_GT(sent.at("a").size(), 15U);

  const ProcessOutcome validated = Loadgen({"workload", "validate", "loop.jsonl"});
  EXPECT_EQ(validated.exit_code, 0) << validated.output;
  const ProcessOutcome replayed =
      with_server({"replay", "loop.jsonl", "--speed", "2", "--max-dispatch-delay-ms", "10000"});
  EXPECT_THAT(replayed.exit_code, ::testing::AnyOf(0, 3)) << replayed.output;  // it may hold fewer than 20 requests
  EXPECT_EQ(server.Take(), sent);
  const ProcessOutcome run = with_server({"run", "--trace-in", "loop.jsonl", "--max-dispatch-delay-ms", "10000"});
  EXPECT_THAT(run.exit_code, ::testing::AnyOf(0, 3)) << run.output;
  EXPECT_EQ(server.Take(), sent);
}

TEST_F(LoadProgramTest, AMalformedTraceIsNamedByLineAndNothingIsSentOrWritten) {
  RecordingServer server;
  const std::string good = R"({"timestamp_ms": 10, "customer": "a", "lengths": [5]})";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {good + "\n" + R"({"timestamp_ms": 9, "customer": "a", "lengths": [5]})", "line 2: 'timestamp_ms' 9 is before"},
      {good + "\n\n" + R"({"timestamp_ms": 11, "customer": "a"})", "line 3: 'lengths'"},
      {R"({"customer": "a", "lengths": [5]})", "line 1: 'timestamp_ms'"},
      {R"({"timestamp_ms": 1, "lengths": [5]})", "line 1: 'customer'"},
      {good + "\nnonsense", "line 2: not a JSON object"},
      {R"({"timestamp_ms": 1, "customer": "a", "lengths": [1,2,3,4,5,6]})",
       "line 1: 'lengths' must be a list of 1 to 5"},
      {"", "holds no request"}};
  for (const auto& [text, message] : cases) {
    Write("bad.jsonl", text);
    for (const std::vector<std::string>& verb : {std::vector<std::string>{"replay", "bad.jsonl"},
                                                 {"run", "--trace-in", "bad.jsonl"},
                                                 {"simulate", "--trace-in", "bad.jsonl"},
                                                 {"workload", "validate", "bad.jsonl"}}) {
      const ProcessOutcome outcome = Loadgen(verb);
      EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
      EXPECT_THAT(outcome.output, AllOf(StartsWith("loadgen: bad.jsonl: "), HasSubstr(message)));
      EXPECT_EQ(Lines(outcome.output), 1U) << outcome.output;
    }
  }
  EXPECT_TRUE(server.Take().empty());
  EXPECT_TRUE(FilesEndingIn("").empty());
}

TEST_F(LoadProgramTest, WhatIsWrongIsToldOnOneLine) {
  Write("office.json", "{\"name\": \"office\",\n\"customers\": [{\"name\": \"a\", \"rate\": 0, \"length\": 5}]}");
  Write("taken", "x");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"run", "--workload", "office.json"}, "office.json:2: customers[0].rate: '0'"},
      {{"workload", "validate", "office.json"}, "office.json:2: customers[0].rate: '0'"},
      {{"run", "--customer", "a:rate=1,len=0"}, "length: '0'"},
      {{"run", "--customer", "a:rate=1,len=5,sequences=9"}, "it may have 5: send fewer"},
      {{"run", "--customer", "a:rate=1,len=5", "--workload", "mixed"}, "excludes"},
      {{"run", "--speed", "2"}, "--trace-in"},
      {{"run", "--rate", "5", "--workload", "two-customers"}, "closed loops have no rate"},
      {{"run", "--schedule", "step(1@5s)"}, "--schedule"},
      {{"run", "--metadata", "Bad=1"}, "--metadata 'Bad=1'"},
      {{"run", "--ca", "ca.pem"}, "--ca means nothing without --tls"},
      {{"run", "--tls", "--ca", "missing.pem"}, "'missing.pem'"},
      {{"run", "--tls", "--cert", "taken"}, "--cert and --key go together"},
      {{"record", "out.jsonl", "--no-server", "--workload", "two-customers"}, "closed loop"},
      {{"sweep", "--slo", "p95"}, "--slo 'p95'"},
      {{"sweep", "--slo", "p95<1s", "--workload", "two-customers"}, "no rate to change"},
      {{"sweep", "--slo", "p95<1s", "--strategies", "lifo"}, "'lifo'"},
      {{"simulate", "--strategies", "lifo"}, "'lifo'"},
      {{"replay", "missing.jsonl"}, "missing.jsonl"},
      {{"run", "--nonsense"}, "loadgen run --help"},
      {{"strategy", "set"}, "loadgen strategy set --help"},
      {{}, "loadgen --help"}};
  for (const auto& [arguments, message] : cases) {
    const ProcessOutcome outcome = Loadgen(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_THAT(outcome.output, AllOf(StartsWith("loadgen: "), HasSubstr(message)));
    EXPECT_EQ(Lines(outcome.output), 1U) << outcome.output;
  }
  const ProcessOutcome unwritable =
      Loadgen({"record", "taken/out.jsonl", "--no-server", "--workload", "mixed", "--seconds", "5"});
  EXPECT_EQ(unwritable.exit_code, 1);
  EXPECT_THAT(unwritable.output, AllOf(HasSubstr("'taken/out.jsonl'"), HasSubstr("name a file in a folder")));
  EXPECT_TRUE(FilesEndingIn("").empty());
}

TEST_F(LoadProgramTest, WorkloadsAreListedShownAndChecked) {
  EXPECT_THAT(Loadgen({"workload", "list"}).output, AllOf(HasSubstr("seedopen"), HasSubstr("closed loop")));
  const ProcessOutcome shown = Loadgen({"workload", "show", "seedopen", "--rho", "0.5"});
  ASSERT_EQ(shown.exit_code, 0) << shown.output;
  Write("mine.json", shown.output);
  const ProcessOutcome validated = Loadgen({"workload", "validate", "mine.json"});
  EXPECT_EQ(validated.exit_code, 0) << validated.output;
  EXPECT_THAT(validated.output, StartsWith("mine.json: workload 'seedopen', 12 customers"));
  const auto played = [&](const std::string& workload) {
    return Loadgen({"simulate", "--workload", workload, "--rho", "0.5", "--requests", "5000", "--strategies", "sjf"})
        .output;
  };
  // From the second line on: the first one names rho for a built-in workload only.
  const auto below = [](const std::string& text) { return text.substr(text.find('\n')); };
  EXPECT_EQ(below(played("mine.json")), below(played("seedopen")));
}

TEST_F(LoadProgramTest, RequestsThatAreLargerThanABatchArePlayedIfTheServerTakesThem) {
  RecordingServer server;
  const std::string twelve = "a:rate=50,len=10,sequences=12";
  const ProcessOutcome recorded = Loadgen({"record", "plan.jsonl", "--target", server.address(), "--customer", twelve,
                                           "--seconds", "1", "--max-request-rows", "12"});
  ASSERT_EQ(recorded.exit_code, 0) << recorded.output;
  const Received sent = server.Take();
  ASSERT_FALSE(sent.at("a").empty());
  for (const auto& lengths : sent.at("a")) EXPECT_EQ(lengths.size(), 12U);
  const ProcessOutcome replayed =
      Loadgen({"replay", "plan.jsonl", "--target", server.address(), "--admin-target", server.address(),
               "--max-request-rows", "12", "--max-dispatch-delay-ms", "10000"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.output;
  EXPECT_EQ(server.Take(), sent);
  const ProcessOutcome refused = Loadgen({"simulate", "--trace-in", "plan.jsonl", "--strategies", "fcfs"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.output, HasSubstr("must be a list of 1 to 5 lengths"));
  const ProcessOutcome simulated =
      Loadgen({"simulate", "--trace-in", "plan.jsonl", "--strategies", "fcfs", "--max-request-rows", "12"});
  EXPECT_EQ(simulated.exit_code, 0) << simulated.output;
}

TEST_F(LoadProgramTest, AServerThatStallsShowsInTheHeadline) {
  std::mutex one_at_a_time;
  int calls = 0;
  const ScriptedProxy server([&](const ReceivedCall&) {
    const std::scoped_lock lock(one_at_a_time);
    if (++calls == 100) std::this_thread::sleep_for(std::chrono::seconds(2));
    return grpc::Status::OK;
  });
  const ProcessOutcome outcome = Loadgen({"run", "--target", server.address(), "--admin-target", server.address(),
                                          "--customer", "a:rate=100,arrival=constant,len=10", "--seconds", "5",
                                          "--warm-up-seconds", "0", "--max-dispatch-delay-ms", "1000"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  // 200 of the 500 requests were due during the stall and waited 1 s in the mean. A generator that waited for the
  // answer before it went on would have seen one slow request, and a tiny p99.
  const auto latency = Summary()["workloads"][0]["strategies"][0]["all"]["latency_ms"];
  EXPECT_GT(latency["p90"].get<double>(), 1300);
  EXPECT_GT(latency["mean"].get<double>(), 300);
  EXPECT_LT(latency["p50"].get<double>(), 500);
}

TEST_F(LoadProgramTest, TheSecondCtrlCStopsAtOnce) {
  std::atomic<bool> release = false;
  std::atomic<int> calls = 0;
  const ScriptedProxy server([&](const ReceivedCall&) {
    ++calls;
    while (!release) std::this_thread::sleep_for(milliseconds(5));
    return grpc::Status::OK;
  });
  ::smartbatch::testing::Process process(
      "loadgen", {"run", "--target", server.address(), "--admin-target", server.address(), "--customer",
                  "a:rate=20,len=5", "--seconds", "60", "--results", (folder_ / "results").string()});
  for (int i = 0; i < 500 && calls == 0; ++i) std::this_thread::sleep_for(milliseconds(10));
  process.Signal(SIGINT);
  std::this_thread::sleep_for(milliseconds(300));
  const auto second = std::chrono::steady_clock::now();
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(), 130);
  // The first one alone waits 2 seconds for the answers under way.
  EXPECT_LT(std::chrono::steady_clock::now() - second, milliseconds(1200));
  release = true;
  EXPECT_TRUE(FilesEndingIn("").empty());
}

TEST_F(LoadProgramTest, MetadataGoesWithEveryCall) {
  std::atomic<int> with = 0;
  std::atomic<int> without = 0;
  const ScriptedProxy server([&](const ReceivedCall& call) {
    const auto found = call.metadata.find("x-team");
    ++(found != call.metadata.end() && found->second == "red=1" ? with : without);
    return grpc::Status::OK;
  });
  const ProcessOutcome outcome =
      Loadgen({"run", "--target", server.address(), "--admin-target", server.address(), "--customer", "a:rate=50,len=5",
               "--seconds", "1", "--warm-up-seconds", "0", "--metadata", "x-team=red=1", "--connections", "2"});
  EXPECT_THAT(outcome.exit_code, ::testing::AnyOf(0, 3)) << outcome.output;
  EXPECT_GT(with, 20);
  EXPECT_EQ(without, 0);
}

}  // namespace
}  // namespace smartbatch::loadgen
