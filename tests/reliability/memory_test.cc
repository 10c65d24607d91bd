// No caller makes the proxy use more memory than its settings say, and the memory is given back.
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <list>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include "smartbatch/proxy/v1/proxy.grpc.pb.h"
#include "tests/integration/stack.h"
#include "tests/reliability/raw_connection.h"
#include "tests/reliability/resident_memory.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

double GivenUp(const ProxyProcess& proxy, const std::string& what) {
  return proxy.Metrics().Sum("smartbatch_calls_given_up_total", "what=\"" + what + "\"");
}

// --- The queue ---

struct FilledQueue {
  std::size_t held = 0;
  double before = 0;  // MiB
  double full = 0;
  double afterwards = 0;
};

// Sends calls until one is refused because the queue is full, with a frozen classifier; then lets it answer all of
// them. The proxy has the settings of the file, except that no call is refused for its cost.
FilledQueue FillQueue(const std::string& config, const RawCall& call) {
  constexpr std::size_t kConnections = 20;
  constexpr std::size_t kAtOnce = 200;
  ClassifierProcess classifier({"--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address(), {"--config", config, "--cost-quadratic", "0", "--batch-timeout-seconds",
                                            "300", "--health-check-seconds", "0"});
  EXPECT_TRUE(proxy.Classify({"x"}).status.ok());
  FilledQueue filled{.before = Resident(proxy)};
  classifier.process().Signal(SIGSTOP);
  std::vector<RawConnection> connections;
  for (std::size_t i = 0; i < kConnections; ++i) connections.emplace_back(proxy.address());
  std::size_t sent = 0;
  std::size_t ended = 0;
  while (ended == 0) {
    RawConnection& connection = connections[sent % kConnections];
    if (!connection.Call(call)) break;
    if (++sent % kAtOnce == 0 && !HasSeen(proxy, 1 + sent)) break;
    ended += connection.TakeEnds().value_or(1);
  }
  EXPECT_TRUE(HasSeen(proxy, 1 + sent));
  std::this_thread::sleep_for(milliseconds(100));
  for (RawConnection& connection : connections) ended += connection.TakeEnds().value_or(0);
  EXPECT_EQ(proxy.Status().outcomes().rejected(), ended) << "other calls than those beyond the queue have ended";
  filled.held = sent - ended;
  filled.full = MostResident(proxy);
  classifier.process().Signal(SIGCONT);
  for (std::size_t i = 0; ended < sent; ++i) {
    const auto more = connections[i % kConnections].TakeEnds();
    if (!more) break;
    ended += *more;
    if (*more == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(proxy.Status().outcomes().answered(), filled.held + 1);
  Within(seconds(10), [&] { return Resident(proxy) < filled.before + 40; });
  filled.afterwards = Resident(proxy);
  return filled;
}

// The limit of the proxy's container, in MiB.
double PodLimit() {
  const std::string manifest = ReadFile(SMARTBATCH_SOURCE_DIR "/deploy/kubernetes/base/proxy.yaml");
  std::smatch found;
  if (!std::regex_search(manifest, found, std::regex(R"(limits: \{memory: (\d+)(Mi|Gi)\})"))) return 0;
  return std::stod(found[1]) * (found[2] == "Gi" ? 1024 : 1);
}

// A number in a configuration file.
double Setting(const std::string& config, const std::string& name) {
  const std::string text = ReadFile(config);
  std::smatch found;
  if (!std::regex_search(text, found, std::regex(name + R"(: (\d+))"))) return NAN;
  return std::stod(found[1]);
}

constexpr char kKubernetesBase[] = SMARTBATCH_SOURCE_DIR "/deploy/kubernetes/base/proxy.textproto";
constexpr char kKubernetesProduction[] = SMARTBATCH_SOURCE_DIR "/deploy/kubernetes/overlays/production/proxy.textproto";

// The memory bound that docs/OPERATIONS.md gives, in MiB.
double BoundOf(const std::string& config) {
  constexpr double kKiBInMiB = 1.0 / 1024;
  return 45 + 1.5 * Setting(config, "max_queued_bytes") / kMiB + 1.1 * Setting(config, "max_receive_bytes") / kMiB +
         28 * kKiBInMiB * Setting(config, "max_calls_in_transit") + 27 * kKiBInMiB * Setting(config, "max_connections");
}

TEST(Memory, TheBoundOfTheKubernetesSettingsLeavesAFifthOfThePod) {
  for (const char* const config : {kKubernetesBase, kKubernetesProduction}) {
    EXPECT_LT(BoundOf(config), 0.8 * PodLimit()) << config;
  }
}

class KubernetesMemory : public ::testing::TestWithParam<RawCall> {};

// docs/OPERATIONS.md, "Memory", has the table that this prints.
TEST_P(KubernetesMemory, AFullQueueLeavesAFifthOfThePodAndGivesItsMemoryBack) {
  const FilledQueue filled = FillQueue(kKubernetesBase, GetParam());
  const double limit = Setting(kKubernetesBase, "max_queued_bytes") / kMiB;
  ASSERT_GT(limit, 0);
  const double taken = filled.full - filled.before;
  std::printf("| %zu × %zu B | %zu | %.0f | %.0f | %.0f | %.2f |\n", GetParam().texts, GetParam().bytes_of_a_text,
              filled.held, filled.before, filled.full, filled.afterwards, taken / limit);
  EXPECT_GT(filled.held, 1000U);
  EXPECT_LT(filled.full, 0.8 * PodLimit());
  EXPECT_LT(taken, 1.5 * limit) << "the bound of docs/OPERATIONS.md";
  EXPECT_LT(filled.afterwards, filled.before + 50) << "what was freed was not given back";
}

INSTANTIATE_TEST_SUITE_P(Requests, KubernetesMemory,
                         ::testing::Values(RawCall{.bytes_of_a_text = 100}, RawCall{.bytes_of_a_text = 10'000},
                                           RawCall{.texts = 5, .bytes_of_a_text = 20'000}),
                         [](const auto& call) {
                           return "Of" + std::to_string(call.param.texts * call.param.bytes_of_a_text) + "Bytes";
                         });

TEST(Memory, EverythingAtItsLimitAtOnceLeavesAFifthOfThePod) {
  ClassifierProcess classifier({"--cost-quadratic", "0", "--max-batch-size", "5"});
  ProxyProcess proxy(classifier.address(), {"--config", kKubernetesBase, "--cost-quadratic", "0",
                                            "--batch-timeout-seconds", "300", "--health-check-seconds", "0"});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  // Answers that nobody takes.
  std::list<RawConnection> untaken;
  const auto in_transit = static_cast<int>(Setting(kKubernetesBase, "max_calls_in_transit") * 0.9);
  for (int i = 0; i < in_transit; ++i) {
    // These are as long as those that follow, so that the predicted cost of the queue is right.
    if (i % 1000 == 0) untaken.emplace_back(proxy.address(), RawSettings{.window = 0});
    ASSERT_TRUE(untaken.back().Call(RawCall{.bytes_of_a_text = 20'000}));
    if (i % 500 == 0 && !HasSeen(proxy, static_cast<std::uint64_t>(i))) break;
  }
  ASSERT_TRUE(Within(seconds(10), [&] {
    return proxy.Metrics().Sum("smartbatch_calls_in_transit", "what=\"answer\"") >= in_transit;
  }));
  // A full queue.
  classifier.process().Signal(SIGSTOP);
  std::this_thread::sleep_for(milliseconds(200));  // until it is frozen
  RawConnection queue(proxy.address());
  std::uint64_t seen = proxy.Status().outcomes().offered();
  std::size_t refused = 0;
  while (refused == 0) {
    ASSERT_TRUE(queue.Call(RawCall{.texts = 5, .bytes_of_a_text = 20'000}));
    if (++seen % 100 == 0 && !HasSeen(proxy, seen)) break;
    refused = queue.TakeEnds().value_or(1);
  }
  // Half-sent requests.
  std::list<RawConnection> half;
  for (int i = 0; i < 500; ++i) {
    if (i % 100 == 0) half.emplace_back(proxy.address());
    half.back().Call(RawCall{.customer = "half", .texts = 5, .bytes_of_a_text = 78'000, .withheld_bytes = 1});
  }
  std::printf("%.0f MiB resident, at most %.0f; the bound is %.0f, the pod has %.0f\n", Resident(proxy),
              MostResident(proxy), BoundOf(kKubernetesBase), PodLimit());
  EXPECT_GT(proxy.Status().queued_requests(), 2000U);
  EXPECT_LT(MostResident(proxy), BoundOf(kKubernetesBase));
  EXPECT_LT(MostResident(proxy), 0.8 * PodLimit());
}

// --- Messages ---

TEST(Memory, ACompressedMessageIsRefusedBeforeItIsInflated) {
  constexpr std::size_t kInflated = 300U << 20U;
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address(), {});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  const double before = MostResident(proxy);
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  proxy::v1::ProxyClassifyRequest request;
  request.add_sequences(std::string(kInflated, 'x'));
  proxy::v1::ProxyClassifyResponse response;
  const auto stub = proxy::v1::ProxyService::NewStub(ChannelTo(proxy.address()));
  const grpc::Status status = stub->ProxyClassify(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
  // A message that only claims to be compressed.
  RawConnection connection(proxy.address());
  EXPECT_TRUE(connection.Call(RawCall{.flagged_as_compressed = true}));
  EXPECT_TRUE(connection.WaitForEnds(1));
  EXPECT_LT(MostResident(proxy), before + 20);
  EXPECT_TRUE(proxy.Classify({"x"}).status.ok());
}

TEST(Memory, HalfSentMessagesAreGivenUpAndANeighbourIsServed) {
  ClassifierProcess classifier({"--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address(), {});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  const double before = Resident(proxy);
  RawConnection connection(proxy.address());
  for (int i = 0; i < 1500; ++i) {
    ASSERT_TRUE(
        connection.Call(RawCall{.customer = "half", .texts = 5, .bytes_of_a_text = 78'000, .withheld_bytes = 1}));
    // 200 MB a second. Slow requests begin to be given up after 0.3 s, and by then less has come than may arrive.
    std::this_thread::sleep_for(milliseconds(2));
    if (i % 20 == 0) {
      const grpc::Status status = proxy.Classify({"x"}).status;
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }
  std::printf("%.0f MiB resident, %.0f before\n", MostResident(proxy), before);
  EXPECT_LT(MostResident(proxy), before + 256 + 50) << "connections.max_receive_bytes, by default";
  EXPECT_GT(GivenUp(proxy, "request"), 0);
  EXPECT_GT(proxy.Metrics().Sum("smartbatch_calls_in_transit", "what=\"request\""), 0);
}

TEST(Memory, AMessageThatDoesNotArriveInTimeIsGivenUp) {
  ClassifierProcess classifier;
  const std::string config = ConfigFile("late.textproto", "connections { transit_timeout_seconds: 1 }");
  ProxyProcess proxy(classifier.address(), {"--config", config});
  RawConnection connection(proxy.address());
  ASSERT_TRUE(connection.Call(RawCall{.bytes_of_a_text = 1000, .withheld_bytes = 1}));
  ASSERT_TRUE(connection.WaitForEnds(1));
  EXPECT_THAT(connection.last_headers(), ::testing::HasSubstr(std::string("grpc-status\x01") + "4"));
  EXPECT_EQ(GivenUp(proxy, "request"), 1);
  EXPECT_TRUE(proxy.Classify({"x"}).status.ok());
}

TEST(Memory, AMessageWithoutEndIsEndedAtTheBoundOfWhatConnectionsMayTake) {
  ClassifierProcess classifier;
  const std::string config = ConfigFile("endless.textproto", "connections { max_receive_bytes: 33554432 }");
  ProxyProcess proxy(classifier.address(), {"--config", config});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  const double before = Resident(proxy);
  std::list<RawConnection> connections;
  for (int i = 0; i < 4; ++i) {
    connections.emplace_back(proxy.address());
    // 20 MB of 200 MB. It may be refused on the way.
    connections.back().Call(RawCall{.texts = 100, .bytes_of_a_text = 2'000'000, .withheld_bytes = 180'000'000});
    std::printf("%.0f MiB\n", Resident(proxy));
    EXPECT_TRUE(Within(seconds(10), [&] { return proxy.Classify({"x"}).status.ok(); }));
  }
  EXPECT_LT(MostResident(proxy), before + 32 + 50);
}

// --- Answers ---

TEST(Memory, AnswersThatNobodyTakesAreGivenUpAndNewCallsAreBoundedMeanwhile) {
  constexpr std::size_t kMost = 200;
  ClassifierProcess classifier({"--cost-quadratic", "0"});
  const std::string config =
      ConfigFile("untaken.textproto", "connections { max_calls_in_transit: 200 transit_timeout_seconds: 3 }");
  ProxyProcess proxy(classifier.address(), {"--config", config});
  RawConnection taker(proxy.address());
  RawConnection connection(proxy.address(), {.window = 0});
  const auto leaving = [&] { return proxy.Metrics().Sum("smartbatch_calls_in_transit", "what=\"answer\""); };
  for (std::size_t i = 0; i < kMost; ++i) ASSERT_TRUE(connection.Call("untaken"));
  ASSERT_TRUE(Within(seconds(2), [&] { return leaving() == kMost; }));
  // A refusal has no message, so even this connection takes it.
  ASSERT_TRUE(connection.Call("untaken"));
  ASSERT_TRUE(connection.WaitForEnds(1));
  EXPECT_THAT(connection.last_headers(), ::testing::HasSubstr(std::string("grpc-status\x01") + "8"));
  // The oldest of them soon makes room for somebody else, and in time all of them go.
  EXPECT_TRUE(Within(seconds(2), [&] { return proxy.Classify({"x"}).status.ok(); }));
  EXPECT_TRUE(Within(seconds(10), [&] { return leaving() == 0; }));
  EXPECT_EQ(GivenUp(proxy, "answer"), kMost);
}

// --- Headers ---

TEST(Memory, HeadersAreBoundedEvenIfTheClientHasNotAcknowledgedTheLimit) {
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address(), {});
  RawConnection small(proxy.address(), {.acknowledges = false});
  ASSERT_TRUE(small.Call(RawCall{.more_headers = 4000}));
  ASSERT_TRUE(small.WaitForEnds(1));
  EXPECT_THAT(small.last_headers(), ::testing::HasSubstr(std::string("grpc-status\x01") + "0"));
  RawConnection large(proxy.address(), {.acknowledges = false});
  ASSERT_TRUE(large.Call(RawCall{.more_headers = 1'000'000}));
  ASSERT_TRUE(large.WaitForEnds(1));
  EXPECT_THAT(large.last_headers(), ::testing::HasSubstr(std::string("grpc-status\x01") + "8"));
  EXPECT_EQ(proxy.Status().outcomes().offered(), 1U);
}

}  // namespace
}  // namespace smartbatch::testing
