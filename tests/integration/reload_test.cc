// The configuration file is reloaded while the proxy serves.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <gmock/gmock.h>

#include "services/rpc/status_details.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kSuccessful[] = "smartbatch_config_last_reload_successful";

class ReloadTest : public ::testing::Test {
 protected:
  ~ReloadTest() override { std::filesystem::remove_all(file_); }
  void Write(const std::string& text) { std::ofstream(file_) << text; }
  static bool Becomes(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return true;
  }
  grpc::Status Reload(bool validate_only, proxy::v1::ReloadConfigResponse& response) {
    grpc::ClientContext context;
    proxy::v1::ReloadConfigRequest request;
    request.set_validate_only(validate_only);
    return proxy_.admin().ReloadConfig(&context, request, &response);
  }
  // The customer's weight; 1 if it has no account.
  double Weight(const std::string& customer) {
    const auto status = proxy_.Status();
    for (const auto& state : status.customers()) {
      if (state.customer() == customer) return state.weight();
    }
    return 1;
  }

  const std::string file_ = [] {
    std::string path = ::testing::TempDir() + "reload-" + std::to_string(getpid()) + ".textproto";
    std::ofstream(path) << R"(customers { name: "A" weight: 2 })";
    return path;
  }();
  ClassifierProcess classifier_{{"--cost-fixed", "0.002"}};
  ProxyProcess proxy_{classifier_.address(), {"--strategy", "sjf", "--config", file_}};
};

TEST_F(ReloadTest, AHangupTakesTheFileOverAndEndsNothing) {
  Load load(proxy_.address(), {.callers = 16});
  EXPECT_EQ(Weight("A"), 2);
  Write(R"(customers { name: "A" weight: 5 } limits { max_queued_requests: 7000 })");
  proxy_.process().Signal(SIGHUP);
  EXPECT_TRUE(Becomes([&] { return Weight("A") == 5; }));
  EXPECT_TRUE(Becomes([&] { return proxy_.Metrics().Value("smartbatch_queue_limit_requests") == 7000; }));
  for (int i = 0; i < 50; ++i) {
    Write(R"(customers { name: "A" weight: )" + std::to_string(1 + i) + " }");
    proxy_.process().Signal(SIGHUP);
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_TRUE(Becomes([&] { return Weight("A") == 50; }));
  load.Stop();
  EXPECT_GT(load.issued(), 50U);
  EXPECT_EQ(load.ended(grpc::StatusCode::OK), load.issued()) << load.Describe();
  EXPECT_EQ(proxy_.Metrics().Value(kSuccessful), 1);
}

TEST_F(ReloadTest, AFileThatIsWrongChangesNothingUntilItIsMended) {
  Write(R"(customers { name: "A" weight: 7 } limits { max_queued_requests: 0 })");
  proxy_.process().Signal(SIGHUP);
  EXPECT_TRUE(Becomes([&] { return proxy_.Metrics().Value(kSuccessful) == 0; }));
  EXPECT_EQ(Weight("A"), 2);
  EXPECT_TRUE(proxy_.Classify({"x"}).status.ok());
  Write(R"(customers { name: "A" weight: 7 })");
  proxy_.process().Signal(SIGHUP);
  EXPECT_TRUE(Becomes([&] { return proxy_.Metrics().Value(kSuccessful) == 1; }));
  EXPECT_EQ(Weight("A"), 7);
}

// What may stand where the configuration file was, and what the answer says about it.
struct Unreadable {
  const char* name;
  std::function<void(const std::string& path)> put;
  const char* reason;
};

// For the names of the tests.
std::ostream& operator<<(std::ostream& out, const Unreadable& unreadable) { return out << unreadable.name; }

class ReloadOfWhatIsNoFile : public ReloadTest, public ::testing::WithParamInterface<Unreadable> {};

TEST_P(ReloadOfWhatIsNoFile, IsToldAndChangesNothing) {
  std::filesystem::remove(file_);
  GetParam().put(file_);
  proxy_.process().Signal(SIGHUP);
  EXPECT_TRUE(Becomes([&] { return proxy_.Metrics().Value(kSuccessful) == 0; }));
  proxy::v1::ReloadConfigResponse response;
  EXPECT_THAT(rpc::Describe(Reload(false, response)),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr(file_), HasSubstr(GetParam().reason)));
  EXPECT_EQ(Weight("A"), 2);
  EXPECT_TRUE(proxy_.Classify({"x"}).status.ok());
  std::filesystem::remove(file_);
  Write(R"(customers { name: "A" weight: 4 })");
  EXPECT_TRUE(Reload(false, response).ok());
  EXPECT_EQ(Weight("A"), 4);
}

INSTANTIATE_TEST_SUITE_P(
    Reload, ReloadOfWhatIsNoFile,
    ::testing::Values(
        Unreadable{"AFolder", [](const std::string& path) { std::filesystem::create_directory(path); }, "a folder"},
        Unreadable{"Nothing", [](const std::string&) {}, "No such file"},
        Unreadable{"AFileThatCannotBeRead",
                   [](const std::string& path) { std::filesystem::create_symlink("/proc/self/mem", path); },
                   "cannot be read"},
        Unreadable{"ANamedPipe", [](const std::string& path) { mkfifo(path.c_str(), S_IRUSR | S_IWUSR); }, "a pipe"},
        Unreadable{"AnEmptyFile", [](const std::string& path) { std::ofstream(path) << ""; }, "sets nothing"},
        Unreadable{"ABlankFile", [](const std::string& path) { std::ofstream(path) << "\n \n"; }, "sets nothing"},
        Unreadable{"AHalfWrittenFile",
                   [](const std::string& path) { std::ofstream(path) << R"(customers { name: "A" weig)"; }, "line 1"}),
    [](const auto& unreadable) { return unreadable.param.name; });

TEST_F(ReloadTest, TheOperatorIsToldWhatChangesAndWhatIsWrong) {
  proxy::v1::ReloadConfigResponse response;
  Write(R"(customers { name: "A" weight: 3 })");
  ASSERT_TRUE(Reload(true, response).ok());
  ASSERT_EQ(response.changes_size(), 1);
  EXPECT_EQ(response.changes(0).field(), "customers[A].weight");
  EXPECT_EQ(Weight("A"), 2);
  ASSERT_TRUE(Reload(false, response).ok());
  EXPECT_EQ(Weight("A"), 3);
  Write(R"(customers { name: "A" weight: 9 } threads: 4)");
  EXPECT_THAT(rpc::Describe(Reload(false, response)),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("threads is 4 and was 1"), HasSubstr("restart")));
  EXPECT_EQ(Weight("A"), 3);
}

TEST_F(ReloadTest, TheOperatorIsToldWhatAFlagOrTheEnvironmentDecides) {
  // The proxy was started with --strategy sjf.
  Write(R"(customers { name: "A" weight: 2 } strategy { name: "fair" } latency_objective_ms: 700)");
  for (const bool validate_only : {true, false}) {
    proxy::v1::ReloadConfigResponse response;
    ASSERT_TRUE(Reload(validate_only, response).ok());
    ASSERT_EQ(response.changes_size(), 1);
    EXPECT_EQ(response.changes(0).field(), "latency_objective_ms");
    ASSERT_EQ(response.overrides_size(), 1);
    EXPECT_EQ(response.overrides(0).field(), "strategy.name");
    EXPECT_EQ(response.overrides(0).file_value(), "fair");
    EXPECT_EQ(response.overrides(0).value_in_use(), "sjf");
  }
  EXPECT_EQ(proxy_.Status().strategy().name(), "sjf");
}

TEST_F(ReloadTest, AReloadLeavesAStrategyThatAnOperatorChose) {
  ASSERT_TRUE(proxy_.SetStrategy("fair").ok());
  proxy::v1::ReloadConfigResponse response;
  Write(R"(customers { name: "A" weight: 3 })");
  ASSERT_TRUE(Reload(false, response).ok());
  EXPECT_EQ(proxy_.Status().strategy().name(), "fair");
}

TEST_F(ReloadTest, AnObjectiveThatChangesDecidesWhatIsInTime) {
  ASSERT_TRUE(proxy_.Classify({"x"}, "A").status.ok());
  EXPECT_EQ(proxy_.Metrics().Sum("smartbatch_slo_requests_total", R"(customer="A",result="met")"), 1);
  Write(R"(customers { name: "A" latency_objective_ms: 0.001 })");
  proxy::v1::ReloadConfigResponse response;
  ASSERT_TRUE(Reload(false, response).ok());
  ASSERT_TRUE(proxy_.Classify({"x"}, "A").status.ok());
  EXPECT_EQ(proxy_.Metrics().Sum("smartbatch_slo_requests_total", R"(customer="A",result="missed")"), 1);
}

TEST(ReloadWithoutAFile, AHangupEndsNothing) {
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  proxy.process().Signal(SIGHUP);
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_TRUE(proxy.Classify({"x"}).status.ok());
}

TEST(ReloadWhileItDrains, AHangupDoesNotEndTheDrain) {
  ClassifierProcess classifier({"--cost-fixed", "0.7"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  std::thread caller([&] { EXPECT_TRUE(proxy.Classify({"x"}).status.ok()); });
  ASSERT_TRUE(proxy.WaitForUnfinished(1));
  proxy.process().Signal(SIGTERM);
  std::this_thread::sleep_for(milliseconds(50));
  proxy.process().Signal(SIGHUP);
  caller.join();
  EXPECT_EQ(proxy.process().Wait(), 0);
}

}  // namespace
}  // namespace smartbatch::testing
