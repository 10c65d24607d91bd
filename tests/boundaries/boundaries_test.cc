// What each folder may include: the edges of the architecture. On Debian every header lies in /usr/include, so a
// missing link dependency stops no include; this test does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace smartbatch {
namespace {

namespace fs = std::filesystem;

struct Rule {
  std::string folder;
  // Each include must match one of these; empty: any include may.
  std::vector<std::string> may;
  // No line may match any of these.
  std::vector<std::string> must_not;
};

constexpr char kStandard[] = "<[a-z_0-9]+>";
constexpr char kGrpc[] = "#include .(grpc|grpcpp|google/protobuf|google/rpc)/|#include .*\\.pb\\.h";
constexpr char kPrometheus[] = "#include .prometheus/";
constexpr char kThreads[] =
    "#include "
    "<(thread|mutex|shared_mutex|condition_variable|future|stop_token|semaphore|latch|barrier|atomic|pthread\\.h)>|"
    "#include .absl/synchronization";
constexpr char kClock[] = "_clock::now|Clock::now|clock_gettime|gettimeofday|absl::Now\\(|#include .absl/time/clock";
// gRPC's callback and synchronous interfaces have threads that poll: see "Threads" in docs/ARCHITECTURE.md. So has
// OpenTelemetry's exporter that speaks gRPC.
constexpr char kOtherPollers[] =
    "server_callback|client_callback|Callback(Service|GenericService|ServerContext)|/sync_stream|"
    "EnableDefaultHealthCheckService|proto_server_reflection_plugin|opentelemetry/exporters/otlp/otlp_grpc";
constexpr char kOpenTelemetry[] = "#include .opentelemetry/";
constexpr char kServices[] = "#include \"services/";
constexpr char kTools[] = "#include \"tools/";

// A room of the core, and the rooms besides the model that it may include; the scheduler puts them together.
Rule RoomOfTheCore(const std::string& room, const std::vector<std::string>& others) {
  Rule rule{"services/proxy/scheduling/" + room, {"<", "\"absl/", "\"common/"}, {}};
  rule.may.push_back("\"services/proxy/scheduling/" + room + "/");
  for (const std::string& other : others) rule.may.push_back("\"services/proxy/scheduling/" + other);
  return rule;
}

std::vector<Rule> Rules() {
  return {
      {"services", {}, {kTools}},
      {"services/proxy", {}, {kOtherPollers, "#include \"services/classifier/"}},
      {"services/rpc", {}, {kOtherPollers}},
      {"services/classifier", {}, {"#include \"services/proxy/"}},
      {"services/classifier/engines", {}, {kGrpc, kPrometheus, "#include \"services/(?!classifier/engines/)"}},
      {"services/tensors", {}, {kPrometheus, "#include \"services/(?!tensors/|rpc/)"}},
      {"common", {}, {kGrpc, kPrometheus, kServices, kTools, "#include .absl/synchronization"}},
      {"common/timeline",
       {kStandard, "[<\"]absl/strings/", "<nlohmann/", "\"common/(time\\.h|timeline/)"},
       {kThreads, kClock}},
      {"services/net", {}, {kGrpc, kPrometheus}},
      {"services/proxy/scheduling",
       {kStandard, "[<\"]absl/(status|container|functional|hash|strings)/", "<boost/(container|intrusive)/",
        "\"common/", "\"services/proxy/scheduling/"},
       {kThreads, kClock, "#include \"common/(program/|mutex)"}},
      RoomOfTheCore("model", {}),
      RoomOfTheCore("queue", {"model/", "customers/"}),
      RoomOfTheCore("customers", {"model/"}),
      RoomOfTheCore("backends", {"model/"}),
      RoomOfTheCore("options", {"model/", "backends/"}),
      RoomOfTheCore("batches", {"model/", "queue/", "backends/"}),
      RoomOfTheCore("strategies", {"model/", "queue/", "customers/", "backends/"}),
      RoomOfTheCore("admission", {"model/", "queue/", "customers/", "backends/", "batches/", "options/"}),
      {"services/proxy/config/settings",
       {},
       {"#include \"services/(?!proxy/config/settings/)", "#include .*/config\\.pb\\.h", kPrometheus}},
      {"services/proxy/protocol",
       {},
       {kPrometheus, "#include \"services/proxy/(config|observers|runtime|scheduling|simulation|transport)/"}},
      {"services/proxy/runtime",
       {},
       {kGrpc, kPrometheus, kOpenTelemetry, "#include \"services/proxy/(transport|observers)/",
        "#include \"services/proxy/protocol/.*codec"}},
      {"services/proxy/observers/decision_log",
       {},
       {kGrpc, kPrometheus, "#include \"services/proxy/(transport|observers/(adaptive|metrics))/"}},
      {"services/proxy/observers/live_page",
       {},
       {kGrpc, kPrometheus, "#include \"services/proxy/(transport|observers/(adaptive|decision_log|metrics))/"}},
      {"services/proxy/observers/traces",
       {},
       {kGrpc, kPrometheus,
        "#include \"services/proxy/(transport|observers/(adaptive|decision_log|live_page|metrics))/"}},
      {"services/proxy/transport", {}, {kPrometheus, kOpenTelemetry, "#include \"services/proxy/observers/metrics/"}},
      {"services/proxy/observers/metrics", {}, {kGrpc, kOpenTelemetry, "#include \"services/proxy/transport/"}},
      {"services/proxy/simulation",
       {kStandard, "[<\"]absl/(status|container|strings)/", "<nlohmann/", "\"common/", "\"services/proxy/scheduling/",
        "\"services/proxy/simulation/"},
       {kThreads, kClock, "#include \"common/(program/|mutex)"}},
      {"tools/loadgen", {}, {"#include \"services/proxy/(config|runtime|transport|observers)/"}},
      {"tools/loadgen/model", {}, {kGrpc, kPrometheus, kThreads}},
      {"tools/loadgen/analysis", {}, {kGrpc, kPrometheus, kThreads, kClock}},
      {"tools/loadgen/output", {}, {kGrpc, kPrometheus}},
      {"tools/loadgen/engine", {}, {kPrometheus}},
      {"tools/loadgen/admin", {}, {kPrometheus}},
      {"tools/loadgen/verbs", {}, {kPrometheus}},
      {"tools/loadgen/metrics", {}, {kGrpc}},
  };
}

std::vector<std::regex> Compiled(const std::vector<std::string>& patterns) {
  return {patterns.begin(), patterns.end()};
}

bool MatchesAny(const std::string& text, const std::vector<std::regex>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::regex& pattern) { return std::regex_search(text, pattern); });
}

bool IsSource(const fs::path& path) { return path.extension() == ".h" || path.extension() == ".cc"; }

// The lines of the rule's folder under `root` that break the rule, as path:line: text.
std::vector<std::string> Violations(const fs::path& root, const Rule& rule) {
  const std::vector<std::regex> may = Compiled(rule.may);
  const std::vector<std::regex> must_not = Compiled(rule.must_not);
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / rule.folder)) {
    if (!entry.is_regular_file() || !IsSource(entry.path())) continue;
    std::ifstream file(entry.path());
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      const bool include = line.rfind("#include ", 0) == 0;
      const bool not_allowed = include && !may.empty() && !MatchesAny(line, may);
      if (not_allowed || MatchesAny(line, must_not)) {
        found.push_back(fs::relative(entry.path(), root).string() + ":" + std::to_string(number) + ": " + line);
      }
    }
  }
  return found;
}

TEST(EveryFolder, IncludesNothingBeyondItsEdges) {
  for (const Rule& rule : Rules()) {
    const fs::path folder = fs::path(SMARTBATCH_SOURCE_DIR) / rule.folder;
    ASSERT_TRUE(fs::is_directory(folder)) << folder;
    EXPECT_EQ(Violations(SMARTBATCH_SOURCE_DIR, rule), std::vector<std::string>()) << rule.folder;
  }
}

// --- Rooms, as scripts/rooms draws them ---

struct Rooms {
  bool has_circle = false;
  std::string text;
};

Rooms RoomsOf(const fs::path& root, const std::string& folders) {
  const std::string command =
      "python3 " SMARTBATCH_SOURCE_DIR "/scripts/rooms --root '" + root.string() + "' " + folders + " 2>&1";
  FILE* const output = ::popen(command.c_str(), "r");
  if (output == nullptr) return {true, "popen failed"};
  Rooms rooms;
  std::array<char, 4096> part{};
  while (std::fgets(part.data(), part.size(), output) != nullptr) rooms.text += part.data();
  rooms.has_circle = ::pclose(output) != 0;
  return rooms;
}

TEST(TheRooms, NeverIncludeEachOtherInACircle) {
  const Rooms rooms = RoomsOf(SMARTBATCH_SOURCE_DIR, "common services tools");
  EXPECT_FALSE(rooms.has_circle) << rooms.text;
  EXPECT_THAT(rooms.text, testing::HasSubstr("services/proxy/scheduling/strategies"));
}

TEST(TheRooms, OfTheCoreStayFewWithFewArrows) {
  const std::string text = RoomsOf(SMARTBATCH_SOURCE_DIR, "services/proxy/scheduling").text;
  std::smatch counts;
  ASSERT_TRUE(std::regex_search(text, counts, std::regex("([0-9]+) rooms, ([0-9]+) arrows, ([0-9]+) floors"))) << text;
  EXPECT_LE(std::stoi(counts[1]), 10) << text;
  EXPECT_LE(std::stoi(counts[2]), 30) << text;
  EXPECT_LE(std::stoi(counts[3]), 6) << text;
}

TEST(TheRooms, ShowACircleThatWasPlanted) {
  const fs::path root = fs::path(testing::TempDir()) / ("rooms-" + std::to_string(::getpid()));
  for (const char* const room : {"house/upper", "house/lower"}) fs::create_directories(root / room);
  std::ofstream(root / "house/lower/floor.h") << "#include <vector>\n";
  std::ofstream(root / "house/upper/roof.h") << "#include \"house/lower/floor.h\"\n";
  const Rooms sound = RoomsOf(root, "house");
  std::ofstream(root / "house/lower/floor.cc") << "#include \"house/upper/roof.h\"\n";
  const Rooms circular = RoomsOf(root, "house");
  fs::remove_all(root);
  EXPECT_FALSE(sound.has_circle) << sound.text;
  EXPECT_THAT(sound.text, testing::HasSubstr("2 rooms, 1 arrows, 2 floors, 0 circles"));
  EXPECT_TRUE(circular.has_circle) << circular.text;
  EXPECT_THAT(circular.text, testing::HasSubstr("circle: house/lower, house/upper"));
}

// --- Controls: each forbidden line is found ---

class AForbiddenLine : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(AForbiddenLine, IsFound) {
  const auto& [folder, text] = GetParam();
  const fs::path root = fs::path(testing::TempDir()) / ("boundaries-" + std::to_string(::getpid()));
  fs::create_directories(root / folder);
  std::ofstream(root / folder / "planted.cc") << "#include <vector>\n" << text << "\n";
  std::vector<std::string> found;
  for (const Rule& rule : Rules()) {
    if (rule.folder == folder) found = Violations(root, rule);
  }
  fs::remove_all(root);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front(), std::string(folder) + "/planted.cc:2: " + text);
}

INSTANTIATE_TEST_SUITE_P(
    Controls, AForbiddenLine,
    testing::Values(
        std::pair("services", "#include \"tools/loadgen/model/result_set.h\""),
        std::pair("services/proxy", "#include <grpcpp/support/server_callback.h>"),
        std::pair("services/rpc", "  grpc::EnableDefaultHealthCheckService(true);"),
        std::pair("services/proxy/scheduling/model", "#include \"services/proxy/scheduling/queue/pending_set.h\""),
        std::pair("services/proxy/scheduling/queue", "#include \"services/proxy/scheduling/backends/backend_pool.h\""),
        std::pair("services/proxy/scheduling/strategies", "#include \"services/proxy/scheduling/scheduler.h\""),
        std::pair("services/proxy/scheduling/batches", "#include \"services/proxy/scheduling/customers/batch_bill.h\""),
        std::pair("services/proxy", "#include \"services/classifier/engines/engine.h\""),
        std::pair("services/classifier", "#include \"services/proxy/protocol/codec.h\""),
        std::pair("services/classifier/engines", "#include \"services/classifier/exchange.h\""),
        std::pair("services/tensors", "#include \"services/proxy/protocol/codec.h\""),
        std::pair("common", "#include \"services/proxy/scheduling/model/batch.h\""),
        std::pair("common/timeline", "#include \"common/program/output.h\""),
        std::pair("services/net", "#include <grpcpp/server.h>"),
        std::pair("services/proxy/scheduling", "#include <grpcpp/grpcpp.h>"),
        std::pair("services/proxy/scheduling", "#include <mutex>"),
        std::pair("services/proxy/scheduling", "#include <boost/asio.hpp>"),
        std::pair("services/proxy/scheduling", "  const auto now = std::chrono::steady_clock::now();"),
        std::pair("services/proxy/runtime", "#include \"smartbatch/proxy/v1/proxy.pb.h\""),
        std::pair("services/proxy/runtime", "#include \"services/proxy/protocol/codec.h\""),
        std::pair("services/proxy/config/settings", "#include \"services/proxy/config/config.h\""),
        std::pair("services/proxy/config/settings", "#include \"smartbatch/proxy/v1/config.pb.h\""),
        std::pair("services/proxy/protocol", "#include \"services/proxy/scheduling/model/batch.h\""),
        std::pair("services/proxy/transport", "#include <prometheus/counter.h>"),
        std::pair("services/proxy/observers/live_page", "#include \"services/proxy/observers/metrics/series.h\""),
        std::pair("services/proxy/observers/metrics", "#include <grpcpp/server.h>"),
        std::pair("services/proxy/observers/traces", "#include \"services/proxy/transport/event_loop.h\""),
        std::pair("services/proxy", "#include <opentelemetry/exporters/otlp/otlp_grpc_exporter.h>"),
        std::pair("services/proxy/runtime", "#include <opentelemetry/trace/span.h>"),
        std::pair("services/proxy/simulation", "#include <thread>"),
        std::pair("services/proxy/simulation", "#include \"services/proxy/runtime/clock.h\""),
        std::pair("tools/loadgen", "#include \"services/proxy/transport/server.h\""),
        std::pair("tools/loadgen/analysis", "#include <grpcpp/grpcpp.h>"),
        std::pair("tools/loadgen/engine", "#include <prometheus/counter.h>"),
        std::pair("tools/loadgen/metrics", "#include <grpcpp/grpcpp.h>")));

}  // namespace
}  // namespace smartbatch
