// Deadlines as clients in other languages write them.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/stack.h"
#include "tests/reliability/raw_connection.h"

namespace smartbatch::testing {
namespace {

// Some 292 years are the `for ever` of clients in Java and Go; the others are the largest and an ordinary one.
TEST(Deadlines, HoweverFarAwayTheyAreTheCallIsAnswered) {
  ClassifierProcess classifier({"--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address());
  std::uint64_t answered = 0;
  for (const char* const timeout : {"2562047H", "2200000H", "99999999H", "99999999M", "20S"}) {
    RawConnection connection(proxy.address());
    ASSERT_TRUE(connection.Call(RawCall{.customer = "forever", .timeout = timeout}));
    ASSERT_TRUE(connection.WaitForEnds(1)) << timeout;
    const auto outcomes = proxy.Status().outcomes();
    EXPECT_EQ(outcomes.answered(), ++answered) << timeout << ": " << outcomes.ShortDebugString();
  }
}

struct Ended {
  grpc::Status status;
  std::chrono::nanoseconds took{};
};
// A call without a deadline.
Ended CallPatiently(const std::string& address) {
  const auto stub = proxy::v1::ProxyService::NewStub(ChannelTo(address));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  proxy::v1::ProxyClassifyRequest request;
  request.add_sequences("hello");
  proxy::v1::ProxyClassifyResponse response;
  const auto start = std::chrono::steady_clock::now();
  Ended ended{stub->ProxyClassify(&context, request, &response)};
  ended.took = std::chrono::steady_clock::now() - start;
  return ended;
}

// Served one after the other the requests take 30 ms each: a few of those that come together can be answered in 150 ms.
TEST(TheStrategyDeadline, TellsACallAtOnceThatItCanNoLongerBeInTime) {
  const Flags cost = {"--cost-fixed", "0.03", "--cost-quadratic", "0", "--max-batch-size", "1"};
  ClassifierProcess classifier(cost);
  Flags flags = cost;
  flags.insert(flags.end(), {"--strategy", "deadline", "--latency-objective-ms", "150"});
  ProxyProcess proxy(classifier.address(), flags);
  for (int i = 0; i < 70; ++i) {
    ASSERT_TRUE(proxy.Classify({"hello"}).status.ok()) << "nothing is given up before the cost is known";
  }
  // On a busy machine times scatter too widely to be known: then another round is needed.
  std::size_t given_up = 0;
  for (int round = 0; round < 5 && given_up < 10; ++round) {
    std::vector<Ended> calls(40);
    {
      std::vector<std::jthread> callers;
      for (Ended& call : calls) callers.emplace_back([&proxy, &call] { call = CallPatiently(proxy.address()); });
    }
    for (const Ended& call : calls) {
      if (call.status.ok()) continue;
      ++given_up;
      EXPECT_EQ(call.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
      EXPECT_THAT(call.status.error_message(),
                  ::testing::HasSubstr("could not be answered within 150.000 ms any more"));
      EXPECT_THAT(call.status.error_details(), ::testing::HasSubstr("DEADLINE_CANNOT_BE_MET"));
      EXPECT_LT(call.took, std::chrono::seconds(1)) << "in the queue it would have waited for longer";
    }
  }
  EXPECT_GE(given_up, 10U);
  EXPECT_EQ(proxy.Status().outcomes().expired(), given_up);
}

}  // namespace
}  // namespace smartbatch::testing
