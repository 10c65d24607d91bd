// What happens to the calls when a program dies or is told to stop.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "services/rpc/status_details.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"
#include "tests/support/scripted_model.h"

namespace smartbatch::testing {
namespace {

using Serving = grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

TEST(Faults, AClassifierThatIsKilledAndRestartedUnderLoadIsFoundAgain) {
  std::optional<ClassifierProcess> classifier(std::in_place, Flags{"--cost-fixed", "0.002"});
  const std::string address = classifier->address();
  ProxyProcess proxy(address, {"--strategy", "sjf"});
  Load load(proxy.address(), {.callers = 24});
  for (int round = 0; round < 2; ++round) {
    std::this_thread::sleep_for(milliseconds(500));
    classifier->process().Signal(SIGKILL);
    classifier->process().Wait();
    std::this_thread::sleep_for(milliseconds(1500));
    const std::uint64_t before = load.ended(grpc::StatusCode::OK);
    classifier.emplace(Flags{"--cost-fixed", "0.002"}, address);
    const auto deadline = steady_clock::now() + seconds(5);
    while (load.ended(grpc::StatusCode::OK) < before + 50 && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_GE(load.ended(grpc::StatusCode::OK), before + 50) << "it did not recover within 5 s";
  }
  load.Stop();
  EXPECT_EQ(load.ended(), load.issued());
  EXPECT_EQ(load.wrong(), 0U);
  EXPECT_GT(load.ended(grpc::StatusCode::UNAVAILABLE), 0U);
  EXPECT_EQ(load.ended(grpc::StatusCode::OK) + load.ended(grpc::StatusCode::UNAVAILABLE), load.issued());
  EXPECT_LE(load.latest(), milliseconds(0)) << "a call outlived its deadline";
}

TEST(Faults, ATerminatedProxyAnswersWhatItHasAndRefusesTheRest) {
  ClassifierProcess classifier({"--cost-fixed", "0.02"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  Load load(proxy.address(), {.callers = 24});
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_EQ(load.ended(grpc::StatusCode::UNAVAILABLE), 0U);
  const std::uint64_t answered_before = load.ended(grpc::StatusCode::OK);
  proxy.process().Signal(SIGTERM);
  EXPECT_EQ(proxy.process().Wait(seconds(10)), 0);
  load.Stop();
  EXPECT_EQ(load.ended(), load.issued());
  EXPECT_EQ(load.wrong(), 0U);
  EXPECT_GE(load.ended(grpc::StatusCode::OK), answered_before + 10);  // of the 24 open ones
  EXPECT_EQ(load.ended(grpc::StatusCode::OK) + load.ended(grpc::StatusCode::UNAVAILABLE), load.issued())
      << load.Describe();
}

int CountOf(const std::string& text, const std::string& what) {
  int count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(Faults, OfAllThatATerminatedProxyHasAcceptedUnderFullLoadEachIsAnsweredOrToldInTime) {
  const std::string log = ::testing::TempDir() + "drain-" + std::to_string(getpid()) + ".jsonl";
  ClassifierProcess classifier({"--cost-fixed", "0.05", "--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "density", "--drain-seconds", "0.5", "--decision-log", log,
                                            "--cost-fixed", "0.05", "--cost-quadratic", "0"});
  Load load(proxy.address(), {.callers = 100});
  const auto full = steady_clock::now() + seconds(10);
  while (proxy.Status().queued_requests() < 80) ASSERT_LT(steady_clock::now(), full);
  const auto start = steady_clock::now();
  proxy.process().Signal(SIGTERM);
  EXPECT_EQ(proxy.process().Wait(seconds(10)), 0);
  EXPECT_LT(steady_clock::now() - start, milliseconds(2500));
  load.Stop();
  EXPECT_EQ(load.ended(), load.issued());
  EXPECT_EQ(load.wrong(), 0U);
  EXPECT_EQ(load.ended(grpc::StatusCode::OK) + load.ended(grpc::StatusCode::UNAVAILABLE), load.issued())
      << load.Describe();
  // What the proxy has accepted, by its own log: each request is answered, which the callers have seen, or ended by the
  // stop.
  std::ifstream file(log);
  const std::string book{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const int accepted = CountOf(book, R"("event":"request")");
  const int shut_down = CountOf(book, R"("outcome":"shut_down")");
  EXPECT_EQ(CountOf(book, R"("event":"ended")"), shut_down);
  EXPECT_EQ(static_cast<std::uint64_t>(accepted - shut_down), load.ended(grpc::StatusCode::OK));
  EXPECT_GT(shut_down, 20) << "the drain had time for all";
  std::remove(log.c_str());
}

// The load goes on while one of two classifiers is frozen; callers wait for less than the configured timeout.
void StandStill(ProxyProcess& proxy, ClassifierProcess& classifier, milliseconds callers_wait) {
  Load load(proxy.address(), {.callers = 12, .timeout = callers_wait});
  std::this_thread::sleep_for(seconds(2));
  const std::uint64_t before = load.ended(grpc::StatusCode::OK);
  ASSERT_GT(before, 200U);
  classifier.process().Signal(SIGSTOP);
  std::this_thread::sleep_for(callers_wait + seconds(1));
  load.Stop();
  classifier.process().Signal(SIGCONT);
  EXPECT_GT(load.ended(grpc::StatusCode::OK), before + 100);
  EXPECT_EQ(load.ended(grpc::StatusCode::OK), load.issued()) << load.Describe();
}

TEST(Faults, AFrozenClassifierKeepsABatchForASecondOnceItsCostIsKnown) {
  const Flags cost = {"--cost-fixed", "0.005", "--cost-quadratic", "0"};
  ClassifierProcess one(cost);
  ClassifierProcess other(cost);
  ProxyProcess proxy(one.address(), {"--backend", other.address(), "--cost-fixed", "0.005", "--cost-quadratic", "0",
                                     "--batch-timeout-seconds", "60", "--health-check-seconds", "0"});
  StandStill(proxy, other, seconds(4));
}

TEST(Faults, AFrozenClassifierKeepsABatchForThreeHealthChecksWhateverTheTimeout) {
  const Flags cost = {"--cost-fixed", "0.2", "--cost-quadratic", "0"};
  ClassifierProcess one(cost);
  ClassifierProcess other(cost);
  ProxyProcess proxy(one.address(), {"--backend", other.address(), "--cost-fixed", "0.2", "--cost-quadratic", "0",
                                     "--batch-timeout-seconds", "60", "--health-check-seconds", "0.3"});
  ASSERT_TRUE(proxy.Classify({"def warm"}).status.ok());
  other.process().Signal(SIGSTOP);
  Load load(proxy.address(), {.callers = 8, .timeout = seconds(8)});  // enough for both
  std::this_thread::sleep_for(seconds(3));
  load.Stop();
  EXPECT_EQ(load.ended(grpc::StatusCode::OK), load.issued()) << load.Describe();
  other.process().Signal(SIGCONT);
}

// As KServe's server does with a synchronous `predict`. The control is the test before.
TEST(Faults, AServerThatAnswersNothingWhileItComputesKeepsABatchLongerThanThreeHealthChecks) {
  ScriptedModel model;
  model.Take(milliseconds(1200));
  model.SetAnswersWhileItComputes(false);
  ProxyProcess proxy("", {"--backend", "oip://" + model.address() + "/m", "--max-batch-size", "8", "--pad-input", "ids",
                          "--trim-output", "squares", "--health-check-seconds", "0.3"});
  Load load(proxy.address(), {.callers = 12, .model = "m", .open_inference = true, .timeout = seconds(50)});
  std::this_thread::sleep_for(seconds(4));
  load.Stop();
  EXPECT_GE(model.batches().size(), 3U);
  EXPECT_EQ(load.ended(grpc::StatusCode::OK), load.issued()) << load.Describe();
  EXPECT_EQ(load.wrong(), 0U);
  EXPECT_EQ(proxy.Metrics().Sum("smartbatch_backend_failed_batches_total"), 0);
}

TEST(Faults, AClassifierThatTakesSmallerBatchesGetsThemAndThatIsReported) {
  ClassifierProcess classifier({"--cost-fixed", "0.005", "--cost-quadratic", "0", "--max-batch-size", "3"});
  ProxyProcess proxy(classifier.address(), {"--cost-fixed", "0.005", "--cost-quadratic", "0", "--max-batch-size", "5"});
  Load load(proxy.address(), {.callers = 24});
  std::this_thread::sleep_for(seconds(3));
  load.Stop();
  EXPECT_GT(load.ended(grpc::StatusCode::OK), 100U);
  EXPECT_EQ(load.ended(grpc::StatusCode::OK), load.issued()) << load.Describe();
  EXPECT_EQ(load.wrong(), 0U);
  EXPECT_EQ(proxy.Status().backends(0).batch_size_limit(), 3U);
  const Scrape metrics = proxy.Metrics();
  EXPECT_EQ(metrics.Sum("smartbatch_backend_batch_size_limit"), 3);
  EXPECT_GE(metrics.Sum("smartbatch_backend_too_large_batches_total"), 1);
  EXPECT_LE(metrics.Sum("smartbatch_backend_too_large_batches_total"), 2);
}

TEST(Faults, WhileItDrainsItSaysThatItIsNotServing) {
  ClassifierProcess classifier({"--cost-fixed", "2"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf"});
  EXPECT_EQ(proxy.Health(), Serving::SERVING);
  auto there = std::async(std::launch::async, [&] { return proxy.Classify({"x"}); });
  ASSERT_TRUE(proxy.WaitForUnfinished(1));
  proxy.process().Signal(SIGTERM);
  const auto deadline = steady_clock::now() + milliseconds(1500);
  while (proxy.Health() == Serving::SERVING && steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(proxy.Health(), Serving::NOT_SERVING);
  EXPECT_EQ(proxy.Classify({"y"}).status.error_code(), grpc::StatusCode::UNAVAILABLE);
  const auto seen = there.get();
  EXPECT_TRUE(seen.status.ok()) << rpc::Describe(seen.status);
  EXPECT_EQ(proxy.process().Wait(seconds(5)), 0);
}

TEST(Faults, TheDrainEndsWithItsTime) {
  ClassifierProcess classifier({"--fault-hang-rate", "1"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf", "--drain-seconds", "0.3"});
  auto there = std::async(std::launch::async, [&] { return proxy.Classify({"x"}); });
  ASSERT_TRUE(proxy.WaitForUnfinished(1));
  const auto start = steady_clock::now();
  proxy.process().Signal(SIGTERM);
  EXPECT_EQ(proxy.process().Wait(seconds(10)), 0);
  EXPECT_GE(steady_clock::now() - start, milliseconds(300));
  EXPECT_LT(steady_clock::now() - start, seconds(3));
  EXPECT_EQ(there.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(Faults, ASecondSignalEndsTheDrain) {
  ClassifierProcess classifier({"--fault-hang-rate", "1"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "sjf", "--drain-seconds", "60"});
  auto there = std::async(std::launch::async, [&] { return proxy.Classify({"x"}); });
  ASSERT_TRUE(proxy.WaitForUnfinished(1));
  proxy.process().Signal(SIGINT);
  EXPECT_EQ(proxy.process().Wait(milliseconds(300)), std::nullopt);
  const auto start = steady_clock::now();
  proxy.process().Signal(SIGINT);
  EXPECT_EQ(proxy.process().Wait(seconds(10)), 0);
  EXPECT_LT(steady_clock::now() - start, seconds(3));
  EXPECT_EQ(there.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace smartbatch::testing
