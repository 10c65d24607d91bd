// What a caller and an operator get from the two programs together.
#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "google/rpc/error_details.pb.h"
#include "services/rpc/status_details.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(EndToEnd, LabelsComeBackInTheOrderOfTheRequest) {
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  const auto seen = proxy.Classify({"def foo(): pass", "hello world", "int x;", "prose", "class A"});
  ASSERT_TRUE(seen.status.ok()) << rpc::Describe(seen.status);
  std::vector<std::string> labels;
  for (const auto& result : seen.response.results()) labels.push_back(result.label());
  EXPECT_THAT(labels, ::testing::ElementsAre("code", "not code", "code", "not code", "code"));
  EXPECT_GT(seen.response.proxy_latency_ms(), 0);
  EXPECT_THAT(seen.trailers.at("x-smartbatch-timings"), HasSubstr("strategy=sjf "));
}

TEST(EndToEnd, EveryStrategyServesEveryCallerOverManyRequests) {
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address(), {"--threads", "2"});
  for (const char* const strategy : {"fcfs", "sjf", "fair"}) {
    ASSERT_TRUE(proxy.SetStrategy(strategy).ok());
    Load load(proxy.address(), {.callers = 12});
    // Long, for a machine that is busy with something else.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    do {
      std::this_thread::sleep_for(milliseconds(700));
    } while (load.ended(grpc::StatusCode::OK) <= 20 && std::chrono::steady_clock::now() < deadline);
    load.Stop();
    EXPECT_GT(load.ended(grpc::StatusCode::OK), 20U) << strategy;
    EXPECT_EQ(load.ended(grpc::StatusCode::OK), load.issued()) << strategy;
    EXPECT_EQ(load.wrong(), 0U) << strategy;
  }
}

TEST(EndToEnd, FcfsLingersForFiftyMillisecondsAndNoLongerThanItIsTold) {
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address(), {"--strategy", "fcfs"});
  proxy.Classify({"connects"});
  EXPECT_GE(proxy.Classify({"x"}).took, milliseconds(50));
  ASSERT_TRUE(proxy.SetStrategy("fcfs", {{"linger_ms", "0"}}).ok());
  // The best of a few: a busy machine may delay any one of them.
  std::chrono::nanoseconds best = std::chrono::hours(1);
  for (int i = 0; i < 5; ++i) best = std::min(best, proxy.Classify({"x"}).took);
  EXPECT_LT(best, milliseconds(50));
}

TEST(EndToEnd, AQueueThatIsFullSaysSoAtOnce) {
  ClassifierProcess classifier({"--cost-fixed", "1"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf", "--max-queued-requests", "2"});
  std::vector<std::future<ProxyProcess::Seen>> calls;
  for (int i = 0; i < 2; ++i) calls.push_back(std::async(std::launch::async, [&] { return proxy.Classify({"x"}); }));
  ASSERT_TRUE(proxy.WaitForUnfinished(2));
  const auto refused = proxy.Classify({"y"});
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_LT(refused.took, milliseconds(500));
  EXPECT_TRUE(rpc::RetryAfter(refused.status));
  EXPECT_EQ(refused.trailers.count("grpc-retry-pushback-ms"), 1U);
  for (auto& call : calls) EXPECT_TRUE(call.get().status.ok());
}

TEST(EndToEnd, ADeadlineThatPassesInTheQueueIsToldInTime) {
  ClassifierProcess classifier({"--cost-fixed", "1"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  auto busy = std::async(std::launch::async, [&] { return proxy.Classify({"x"}); });
  ASSERT_TRUE(proxy.WaitForUnfinished(1));
  const auto late = proxy.Classify({"y"}, "test", milliseconds(100));
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_LT(late.took, milliseconds(600));
  EXPECT_TRUE(busy.get().status.ok());
  ASSERT_TRUE(proxy.WaitForUnfinished(0));
  EXPECT_EQ(proxy.Status().outcomes().answered(), 1U);
}

TEST(EndToEnd, ABadSequenceHurtsOnlyItself) {
  ClassifierProcess classifier({"--cost-fixed", "0.05", "--fault-poison", "POISON"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  auto busy = std::async(std::launch::async, [&] { return proxy.Classify({"x"}); });
  ASSERT_TRUE(proxy.WaitForUnfinished(1));
  auto bad = std::async(std::launch::async, [&] { return proxy.Classify({"POISON"}); });
  auto good = std::async(std::launch::async, [&] { return proxy.Classify({"def f()"}); });
  const auto failed = bad.get();
  EXPECT_EQ(failed.status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(rpc::Describe(failed.status), HasSubstr("BACKEND_FAILED"));
  EXPECT_TRUE(good.get().status.ok());
  EXPECT_TRUE(busy.get().status.ok());
}

TEST(EndToEnd, WithoutAClassifierItIsUnavailableAndSaysWhenToComeBack) {
  std::string address;
  { address = ClassifierProcess().address(); }
  ProxyProcess proxy(address, {"--strategy", "sjf"});
  const auto seen = proxy.Classify({"x"});
  EXPECT_EQ(seen.status.error_code(), grpc::StatusCode::UNAVAILABLE) << rpc::Describe(seen.status);
  EXPECT_TRUE(rpc::RetryAfter(seen.status));
  EXPECT_LT(seen.took, std::chrono::seconds(5));
}

TEST(EndToEnd, AHangingClassifierIsGivenUp) {
  ClassifierProcess classifier({"--fault-hang-rate", "1"});
  ProxyProcess proxy(classifier.address(),
                     {"--strategy", "sjf", "--batch-timeout-seconds", "0.2", "--max-attempts", "2"});
  const auto seen = proxy.Classify({"x"});
  EXPECT_EQ(seen.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << rpc::Describe(seen.status);
  EXPECT_THAT(rpc::Describe(seen.status), HasSubstr("BACKEND_FAILED"));
  EXPECT_GE(seen.took, milliseconds(400));
  EXPECT_LT(seen.took, std::chrono::seconds(5));
}

TEST(EndToEnd, TextOfManyBytesTravelsWhole) {
  ClassifierProcess classifier({"--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  std::vector<std::string> long_texts;
  for (int i = 0; i < 5; ++i) {
    std::string text;
    for (int character = 0; character < 19'999; ++character) text += "\xF0\x9F\x90\xA6";  // a bird of four bytes
    long_texts.push_back(text + (i % 2 == 0 ? ";" : "."));
  }
  const auto seen = proxy.Classify(long_texts);
  ASSERT_TRUE(seen.status.ok()) << rpc::Describe(seen.status);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(seen.response.results(i).label(), i % 2 == 0 ? "code" : "not code");
}

TEST(EndToEnd, TheStrategyToStartWithComesFromTheEnvironmentToo) {
  ClassifierProcess classifier;
  Process proxy("smartbatch-proxy",
                {"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
                 "--log-level", "error"},
                {{"PROXY_STRATEGY", "fair"}});
  const auto ready = proxy.WaitUntilReady();
  ASSERT_TRUE(ready);
  const auto admin = proxy::v1::AdminService::NewStub(ChannelTo(ready->at("admin")));
  grpc::ClientContext context;
  proxy::v1::GetStrategyResponse response;
  ASSERT_TRUE(admin->GetStrategy(&context, {}, &response).ok());
  EXPECT_EQ(response.current().name(), "fair");
}

TEST(EndToEnd, WrongFlagsEndItWithAShortMessageAndCodeTwo) {
  const auto run = [](const std::string& flags) {
    return RunToEnd("/bin/sh", {"-c", std::string(SMARTBATCH_BIN_DIR) + "/smartbatch-proxy " + flags + " 2>&1"});
  };
  for (const char* const flags : {"--strategy best", "--listen nowhere", "--config /nowhere", "--slots 0"}) {
    const Finished ended = run(flags);
    EXPECT_EQ(ended.exit_code, 2) << flags;
    // The message and, if a single flag is wrong, a hint at --help.
    EXPECT_LE(std::count(ended.standard_output.begin(), ended.standard_output.end(), '\n'), 2)
        << flags << ": " << ended.standard_output;
  }
  const Finished help = run("--help");
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.standard_output, AllOf(HasSubstr("Examples:"), HasSubstr("SMARTBATCH_LISTEN")));
}

TEST(EndToEnd, TheLogHasALineForEachBatchAtDebugLevelAndNoTextOfACustomer) {
  ClassifierProcess classifier;
  Process proxy("/bin/sh", {"-c", "exec " + std::string(SMARTBATCH_BIN_DIR) + "/smartbatch-proxy --listen 127.0.0.1:0" +
                                      " --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --log-level debug" +
                                      " --strategy fair --backend " + classifier.address() + " 2>&1"});
  const auto ready = proxy.WaitUntilReady();
  ASSERT_TRUE(ready);
  const auto stub = proxy::v1::ProxyService::NewStub(ChannelTo(ready->at("listen")));
  grpc::ClientContext context;
  proxy::v1::ProxyClassifyRequest request;
  request.add_sequences("secret text");
  request.add_sequences("class Secret;");
  proxy::v1::ProxyClassifyResponse response;
  ASSERT_TRUE(stub->ProxyClassify(&context, request, &response).ok());
  proxy.Signal(SIGTERM);
  const std::string log = proxy.ReadAll(std::chrono::seconds(20));
  EXPECT_THAT(log, HasSubstr("debug batch=1 backend=" + classifier.address() +
                             " strategy=fair reason=slot_free sequences=2 requests=1 longest=13 predicted_ms=0.169 "));
  EXPECT_THAT(log, HasSubstr(" dead=0 code=OK\n"));
  EXPECT_THAT(log, Not(HasSubstr("ecret")));
}

TEST(EndToEnd, APortThatIsTakenIsNamed) {
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address());
  const Finished ended = RunToEnd(
      "/bin/sh", {"-c", std::string(SMARTBATCH_BIN_DIR) + "/smartbatch-proxy --listen " + proxy.address() +
                            " --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --log-level warning 2>&1"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.standard_output, HasSubstr("cannot listen on " + proxy.address()));
  EXPECT_EQ(std::count(ended.standard_output.begin(), ended.standard_output.end(), '\n'), 1) << ended.standard_output;
}

}  // namespace
}  // namespace smartbatch::testing
