// What callers see of a proxy that has just started with the defaults: nobody has told it what batches cost, and none
// have taught it. By the cost that it believes at first a text of 20,000 characters takes 400 s, and one of 10 0.1 ms.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "services/rpc/status_details.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

const std::string kLongText(20'000, 'x');

// A batch takes as many seconds, whatever is in it.
Flags Takes(const std::string& time) { return {"--cost-fixed", time, "--cost-quadratic", "0"}; }

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
  ClassifierProcess classifier(Takes("0.02"));
  ProxyProcess proxy(classifier.address());
  ExpectAllAnswered(CallAtOnce(proxy, 60));
}

TEST(TheFirstBurst, OfLongTextsIsAnsweredWholeAfterAFewShortTexts) {
  ClassifierProcess classifier(Takes("0.02"));
  ProxyProcess proxy(classifier.address());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(proxy.Classify({"hello"}).status.ok());
  ExpectAllAnswered(CallAtOnce(proxy, 60));
}

TEST(TheFirstBurst, OfLongTextsIsGivenUpByNoStrategyAsTooLate) {
  ClassifierProcess classifier(Takes("0.02"));
  ProxyProcess proxy(classifier.address(), {"--strategy", "deadline"});
  ExpectAllAnswered(CallAtOnce(proxy, 60));
}

TEST(TheFirstBurst, IsHeldToTheLimitIfTheCostIsTold) {
  ClassifierProcess classifier(Takes("0.5"));
  ProxyProcess proxy(classifier.address(), {"--cost-profile", "seed"});
  const auto calls = CallAtOnce(proxy, 60);
  EXPECT_TRUE(std::any_of(calls.begin(), calls.end(), [](const auto& call) {
    return call.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  }));
}

TEST(AFreshProxy, SendsItsFirstLongTextsAtOnce) {
  ClassifierProcess classifier(Takes("0.01"));
  ProxyProcess proxy(classifier.address());
  for (int i = 0; i < 3; ++i) {
    const ProxyProcess::Seen seen = proxy.Classify({kLongText});
    EXPECT_TRUE(seen.status.ok()) << seen.status.error_message();
    EXPECT_LT(seen.response.timings().queue_ms(), 500) << "it is held for a hundredth of its cost, at most a second";
  }
}

TEST(AFreshProxy, SendsNobodyAwayForAMinute) {
  ClassifierProcess classifier(Takes("0.5"));
  ProxyProcess proxy(classifier.address(), {"--max-queued-requests", "10"});
  int refused = 0;
  for (const ProxyProcess::Seen& call : CallAtOnce(proxy, 15)) {
    if (call.status.ok()) continue;
    ++refused;
    EXPECT_EQ(call.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_LT(rpc::RetryAfter(call.status).value_or(seconds(60)), seconds(10)) << call.status.error_message();
  }
  EXPECT_EQ(refused, 5);
}

// Its process is stopped with the batch. The batch is given up after the 5 s of --batch-timeout-seconds, and a second
// later nobody waits for that backend any more.
TEST(AFreshProxy, FindsAFrozenClassifierThatHoldsALongText) {
  ClassifierProcess classifier(Takes("10"));
  ProxyProcess proxy(classifier.address());
  std::jthread freezer([&] {
    EXPECT_TRUE(proxy.WaitForUnfinished(1));
    std::this_thread::sleep_for(milliseconds(500));
    classifier.process().Signal(SIGSTOP);
  });
  const ProxyProcess::Seen seen = proxy.Classify({kLongText}, "one", seconds(25));
  classifier.process().Signal(SIGCONT);
  EXPECT_EQ(seen.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(seen.status.error_message(), HasSubstr("the backend does not answer its health checks"));
}

TEST(AFreshProxy, DoesNotCallASlowModelUnreachableBecauseCallersLeave) {
  ClassifierProcess classifier(Takes("1.5"));
  ProxyProcess proxy(classifier.address());
  for (int i = 0; i < 3; ++i) {
    const ProxyProcess::Seen seen = proxy.Classify({"def hasty"}, "hasty", milliseconds(700));
    EXPECT_EQ(seen.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << seen.status.error_message();
  }
  const ProxyProcess::Seen patient = proxy.Classify({"def patient"}, "patient");
  EXPECT_TRUE(patient.status.ok()) << patient.status.error_message();
}

TEST(AFreshProxy, TellsCallersWhichFlagAModelNeedsThatIsSlowerThanTheTimeout) {
  ClassifierProcess classifier(Takes("20"));
  ProxyProcess proxy(classifier.address(), {"--batch-timeout-seconds", "0.6"});
  for (int i = 0; i < 2; ++i) {
    // The first call has used up its attempts, and the second comes while the backend is out.
    const std::string told = proxy.Classify({"def slow"}).status.error_message();
    EXPECT_THAT(told, HasSubstr("the backend has not answered a batch within 0.6 s")) << i;
    EXPECT_THAT(told, HasSubstr("--batch-timeout-seconds")) << i;
  }
}

}  // namespace
}  // namespace smartbatch::testing
