// The reader of standard error may stop or go: calls and the end of the programs do not depend on it.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/integration/stack.h"
#include "tests/reliability/log_reader.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

const Flags kQuick = {"--cost-quadratic", "0"};
const Flags kTalkative = {"--log-level", "debug", "--cost-quadratic", "0", "--drain-seconds", "2"};
// With two lines for each call, these are more lines than the log keeps for a slow reader.
constexpr int kCalls = 2500;

void ExpectAnswers(ProxyProcess& proxy, int calls) {
  int answered = 0;
  for (int i = 0; i < calls; ++i) {
    const auto seen = proxy.Classify({"def foo(): pass"}, "test", seconds(5));
    ASSERT_TRUE(seen.status.ok()) << "call " << i << ": " << seen.status.error_message();
    answered += seen.response.results_size();
  }
  EXPECT_EQ(answered, calls);
}

void ExpectEnd(Process& process) {
  const auto start = steady_clock::now();
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(seconds(10)), 0);
  EXPECT_LT(steady_clock::now() - start, seconds(5));
}

double Lost(const Scrape& scrape) {
  return scrape.Value(R"(smartbatch_log_lines_dropped_total{reason="unread"})").value_or(-1);
}

TEST(StandardErrorThatNobodyReads, HoldsUpNoCallOfTheProxyAndNotItsEnd) {
  ClassifierProcess classifier(kQuick);
  LogReader reader;
  const auto proxy = reader.Start<ProxyProcess>(classifier.address(), kTalkative);
  ExpectAnswers(*proxy, kCalls);
  EXPECT_GT(Lost(proxy->Metrics()), 0);
  ExpectEnd(proxy->process());
}

TEST(StandardErrorThatNobodyReads, HoldsUpNoCallOfTheClassifierAndNotItsEnd) {
  LogReader reader;
  const auto classifier = reader.Start<ClassifierProcess>(kTalkative);
  ProxyProcess proxy(classifier->address());
  ExpectAnswers(proxy, kCalls);
  ExpectEnd(classifier->process());
}

TEST(StandardErrorThatNobodyReads, DoesNotHoldUpTheStart) {
  LogReader reader;
  ClassifierProcess classifier(kQuick);
  const auto filled = reader.Start<ProxyProcess>(classifier.address(), kTalkative);
  ExpectAnswers(*filled, kCalls);
  const auto proxy = reader.Start<ProxyProcess>(classifier.address(), kTalkative);
  ExpectAnswers(*proxy, 10);
  ExpectEnd(proxy->process());
}

TEST(StandardErrorThatIsReadAgain, SaysHowManyLinesAreMissing) {
  ClassifierProcess classifier(kQuick);
  LogReader reader;
  const auto proxy = reader.Start<ProxyProcess>(classifier.address(), kTalkative);
  ExpectAnswers(*proxy, kCalls);
  const std::string log = reader.ReadUntil("log lines were lost here");
  EXPECT_NE(log.find("log lines were lost here"), std::string::npos) << log.substr(0, 2000);
  ExpectAnswers(*proxy, 1);
}

TEST(StandardErrorWhoseReaderHasGone, EndsNeitherProxyNorClassifier) {
  LogReader reader;
  const auto classifier = reader.Start<ClassifierProcess>(kTalkative);
  const auto proxy = reader.Start<ProxyProcess>(classifier->address(), kTalkative);
  reader.Go();
  ExpectAnswers(*proxy, 100);
  EXPECT_GT(Lost(proxy->Metrics()), 0);
  ExpectEnd(proxy->process());
  ExpectEnd(classifier->process());
}

TEST(StandardErrorWhoseReaderHasGone, DoesNotEndAProgramThatStarts) {
  LogReader reader;
  reader.Go();
  const auto classifier = reader.Start<ClassifierProcess>(kTalkative);
  const auto proxy = reader.Start<ProxyProcess>(classifier->address(), kTalkative);
  ExpectAnswers(*proxy, 10);
  ExpectEnd(proxy->process());
}

// A failed batch is a warning, and every caller can cause one.
TEST(Warnings, OfOneKindAreLimitedInRateAndCounted) {
  ClassifierProcess classifier({"--cost-quadratic", "0", "--fault-poison", "poison"});
  LogReader reader;
  const auto proxy = reader.Start<ProxyProcess>(classifier.address(), Flags{"--log-level", "warning"});
  std::string log;
  std::jthread reading([&] { log = reader.ReadUntil("never"); });
  const auto start = steady_clock::now();
  for (int i = 0; i < 500; ++i) EXPECT_FALSE(proxy->Classify({"poison"}).status.ok());
  const double took = std::chrono::duration<double>(steady_clock::now() - start).count();
  const double left_out = proxy->Metrics().Value(R"(smartbatch_log_lines_dropped_total{reason="rate"})").value_or(-1);
  reading.join();
  const auto lines = static_cast<double>(std::count(log.begin(), log.end(), '\n'));
  EXPECT_LE(lines, 5 * (took + 1));
  EXPECT_GE(lines + left_out, 500);
  EXPECT_TRUE(took < 1 || log.find("more such lines were left out") != std::string::npos) << log;
}

}  // namespace
}  // namespace smartbatch::testing
