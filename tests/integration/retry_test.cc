// gRPC clients with a retry policy, which come back when the proxy tells them to.
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::seconds;

// Their own backoff is a millisecond: with it they would have tried five times within 10 ms, and given up.
constexpr char kRetryPolicy[] = R"({"methodConfig": [{"name": [{}], "retryPolicy": {
    "maxAttempts": 5, "initialBackoff": "0.001s", "maxBackoff": "0.001s", "backoffMultiplier": 1,
    "retryableStatusCodes": ["RESOURCE_EXHAUSTED"]}}]})";

std::shared_ptr<grpc::Channel> RetryingChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kRetryPolicy);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Makes sixty calls at once, each by a thread of its own; returns how many were answered.
int CallSixtyTimes(proxy::v1::ProxyService::Stub& stub) {
  std::vector<std::future<bool>> calls;
  for (int i = 0; i < 60; ++i) {
    calls.push_back(std::async(std::launch::async, [&stub, i] {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + seconds(60));
      proxy::v1::ProxyClassifyRequest request;
      request.add_sequences("int f" + std::to_string(i) + "();");
      proxy::v1::ProxyClassifyResponse response;
      return stub.ProxyClassify(&context, request, &response).ok();
    }));
  }
  int answered = 0;
  for (auto& call : calls) answered += call.get() ? 1 : 0;
  return answered;
}

// 40 are refused at first. A tenth of them may be refused once more.
TEST(Retries, OfFortyWhoAreRefusedByAFreshProxyWithBatchesOfASecondNineTenthsGetInAtTheFirst) {
  ClassifierProcess classifier({"--cost-fixed", "1"});
  ProxyProcess proxy(classifier.address(), {"--max-queued-requests", "20"});
  const auto stub = proxy::v1::ProxyService::NewStub(RetryingChannelTo(proxy.address()));
  EXPECT_EQ(CallSixtyTimes(*stub), 60);
  EXPECT_GE(proxy.Status().outcomes().rejected(), 40U);
  EXPECT_LE(proxy.Status().outcomes().rejected(), 44U);
}

TEST(Retries, OfFortyWhoAreRefusedByAProxyThatHasServedNineTenthsGetInAtTheFirst) {
  ClassifierProcess classifier({"--cost-fixed", "0.1"});
  ProxyProcess proxy(classifier.address(), {"--max-queued-requests", "20"});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  const auto stub = proxy::v1::ProxyService::NewStub(RetryingChannelTo(proxy.address()));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(CallSixtyTimes(*stub), 60);
  EXPECT_GE(proxy.Status().outcomes().rejected(), 40U);
  EXPECT_LE(proxy.Status().outcomes().rejected(), 44U);
  // It takes at least 1.2 s.
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(6));
}

}  // namespace
}  // namespace smartbatch::testing
