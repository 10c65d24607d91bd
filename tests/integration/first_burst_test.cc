// What a proxy that has just started, and knows nothing of its server yet, does with many long texts at once.
#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

// A batch takes 20 ms, whatever is in it. By the cost that the proxy believes at first one of these texts takes 400 s.
const Flags kQuick = {"--cost-fixed", "0.02", "--cost-quadratic", "0"};
const std::string kLongText(20'000, 'x');

std::vector<ProxyProcess::Seen> CallAtOnce(ProxyProcess& proxy, std::size_t calls) {
  std::vector<ProxyProcess::Seen> seen(calls);
  std::vector<std::jthread> callers;
  for (ProxyProcess::Seen& call : seen) {
    callers.emplace_back([&proxy, &call] { call = proxy.Classify({kLongText}, "one", std::chrono::seconds(30)); });
  }
  callers.clear();
  return seen;
}

void ExpectAllAnswered(const std::vector<ProxyProcess::Seen>& calls) {
  const auto failed = std::find_if(calls.begin(), calls.end(), [](const auto& call) { return !call.status.ok(); });
  const auto answered = std::count_if(calls.begin(), calls.end(), [](const auto& call) { return call.status.ok(); });
  EXPECT_EQ(static_cast<std::size_t>(answered), calls.size());
  if (failed != calls.end()) ADD_FAILURE() << failed->status.error_message();
}

TEST(TheFirstBurst, OfLongTextsIsAnsweredWholeWithTheDefaults) {
  ClassifierProcess classifier(kQuick);
  ProxyProcess proxy(classifier.address());
  ExpectAllAnswered(CallAtOnce(proxy, 60));
}

TEST(TheFirstBurst, OfLongTextsIsAnsweredWholeAfterAFewShortTexts) {
  ClassifierProcess classifier(kQuick);
  ProxyProcess proxy(classifier.address());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(proxy.Classify({"hello"}).status.ok());
  ExpectAllAnswered(CallAtOnce(proxy, 60));
}

TEST(TheFirstBurst, OfLongTextsIsGivenUpByNoStrategyAsTooLate) {
  ClassifierProcess classifier(kQuick);
  ProxyProcess proxy(classifier.address(), {"--strategy", "deadline"});
  ExpectAllAnswered(CallAtOnce(proxy, 60));
}

TEST(TheFirstBurst, IsHeldToTheLimitIfTheCostIsTold) {
  ClassifierProcess classifier({"--cost-fixed", "0.5", "--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address(), {"--cost-profile", "seed"});
  const auto calls = CallAtOnce(proxy, 60);
  EXPECT_TRUE(std::any_of(calls.begin(), calls.end(), [](const auto& call) {
    return call.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  }));
}

}  // namespace
}  // namespace smartbatch::testing
