#include "services/proxy/transport/admin_server.h"

#include <future>

#include <gmock/gmock.h>

#include "google/rpc/error_details.pb.h"
#include "services/rpc/status_details.h"
#include "tests/proxy/transport/loopback.h"

namespace smartbatch::transport {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Loopback;

class AdminServerTest : public ::testing::Test {
 protected:
  template <class Request, class Response>
  grpc::Status Call(grpc::Status (proxy::v1::AdminService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                          Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    return (*stub_.*method)(&context, request, &response);
  }
  grpc::Status Set(const proxy::v1::SetStrategyRequest& request) {
    set_ = {};
    return Call(&proxy::v1::AdminService::Stub::SetStrategy, request, set_);
  }
  std::string ActiveStrategy() {
    proxy::v1::GetStrategyResponse response;
    EXPECT_TRUE(Call(&proxy::v1::AdminService::Stub::GetStrategy, {}, response).ok());
    return response.current().name();
  }

  Loopback proxy_;
  std::unique_ptr<proxy::v1::AdminService::Stub> stub_ =
      proxy::v1::AdminService::NewStub(testing::ChannelTo(proxy_.admin->address()));
  proxy::v1::SetStrategyResponse set_;
};

TEST_F(AdminServerTest, SetsTheStrategyAndTellsWhatItWasAndWhatWaits) {
  auto busy = std::async(std::launch::async, [&] { return proxy_.Call({"busy"}); });
  ASSERT_TRUE(proxy_.WaitUntilOffered(1));
  auto waiting = std::async(std::launch::async, [&] { return proxy_.Call({"x"}); });
  ASSERT_TRUE(proxy_.WaitUntilOffered(2));
  proxy::v1::SetStrategyRequest request;
  request.set_strategy("fcfs");
  (*request.mutable_parameters())["linger_ms"] = "7";
  ASSERT_TRUE(Set(request).ok());
  EXPECT_EQ(set_.previous().name(), "sjf");
  EXPECT_EQ(set_.current().name(), "fcfs");
  EXPECT_EQ(set_.current().parameters().at("linger_ms"), "7");
  EXPECT_EQ(set_.generation(), 2U);
  EXPECT_EQ(set_.queued_requests(), 1U);
  EXPECT_EQ(ActiveStrategy(), "fcfs");
  proxy_.AnswerAll();
  EXPECT_TRUE(busy.get().status.ok());
  EXPECT_EQ(waiting.get().response.timings().strategy(), "fcfs");
}

TEST_F(AdminServerTest, ValidateOnlyChangesNothing) {
  proxy::v1::SetStrategyRequest request;
  request.set_strategy("fair");
  request.set_validate_only(true);
  ASSERT_TRUE(Set(request).ok());
  EXPECT_EQ(set_.current().name(), "fair");
  EXPECT_EQ(set_.generation(), 1U);
  EXPECT_EQ(ActiveStrategy(), "sjf");
}

TEST_F(AdminServerTest, AnOldGenerationIsAborted) {
  proxy::v1::SetStrategyRequest request;
  request.set_strategy("fair");
  request.set_expected_generation(5);
  const grpc::Status status = Set(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_THAT(status.error_message(), HasSubstr("the current one is 1"));
  EXPECT_EQ(ActiveStrategy(), "sjf");
}

TEST_F(AdminServerTest, WhatIsUnknownIsNamedWithWhatIsValid) {
  proxy::v1::SetStrategyRequest request;
  request.set_strategy("best");
  EXPECT_THAT(rpc::Describe(Set(request)),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("'best'"), HasSubstr("fair")));
  request.set_strategy("fcfs");
  (*request.mutable_parameters())["linger"] = "7";
  EXPECT_THAT(rpc::Describe(Set(request)), AllOf(HasSubstr("parameters[linger]"), HasSubstr("linger_ms")));
  request.clear_parameters();
  (*request.mutable_parameters())["linger_ms"] = "-7";
  EXPECT_THAT(rpc::Describe(Set(request)), AllOf(HasSubstr("'-7'"), HasSubstr("from 0 to")));
  EXPECT_EQ(ActiveStrategy(), "sjf");
}

TEST_F(AdminServerTest, ListsEveryStrategyWithItsParameters) {
  proxy::v1::ListStrategiesResponse response;
  ASSERT_TRUE(Call(&proxy::v1::AdminService::Stub::ListStrategies, {}, response).ok());
  int active = 0;
  bool found = false;
  for (const auto& strategy : response.strategies()) {
    EXPECT_FALSE(strategy.description().empty()) << strategy.name();
    active += strategy.active() ? 1 : 0;
    if (strategy.name() != "fcfs") continue;
    found = true;
    ASSERT_EQ(strategy.parameters_size(), 1);
    EXPECT_EQ(strategy.parameters(0).name(), "linger_ms");
    EXPECT_EQ(strategy.parameters(0).default_value(), "50");
    EXPECT_EQ(strategy.parameters(0).minimum(), "0");
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(active, 1);
}

TEST_F(AdminServerTest, TheStatusAddsUp) {
  auto busy = std::async(std::launch::async, [&] { return proxy_.Call({"busy"}, {{"x-customer-id", "alice"}}); });
  ASSERT_TRUE(proxy_.WaitUntilOffered(1));
  auto waiting = std::async(std::launch::async, [&] { return proxy_.Call({"x", "y"}, {{"x-customer-id", "bob"}}); });
  ASSERT_TRUE(proxy_.WaitUntilOffered(2));
  proxy::v1::GetStatusResponse status;
  ASSERT_TRUE(Call(&proxy::v1::AdminService::Stub::GetStatus, {}, status).ok());
  EXPECT_EQ(status.strategy().name(), "sjf");
  EXPECT_EQ(status.outcomes().offered(), 2U);
  EXPECT_EQ(status.queued_requests(), 1U);
  EXPECT_EQ(status.queued_sequences(), 2U);
  EXPECT_EQ(status.batches_in_flight(), 1U);
  EXPECT_GT(status.uptime_seconds(), 0);
  ASSERT_EQ(status.customers_size(), 2);
  EXPECT_EQ(status.customers(0).customer(), "bob");
  EXPECT_EQ(status.customers(0).queued_sequences(), 2U);
  EXPECT_GT(status.customers(0).oldest_age_seconds(), 0);
  ASSERT_EQ(status.backends_size(), 1);
  EXPECT_TRUE(status.backends(0).up());
  proxy_.AnswerAll();
  EXPECT_TRUE(busy.get().status.ok());
  EXPECT_TRUE(waiting.get().status.ok());
  ASSERT_TRUE(Call(&proxy::v1::AdminService::Stub::GetStatus, {}, status).ok());
  EXPECT_EQ(status.outcomes().answered(), 2U);
}

}  // namespace
}  // namespace smartbatch::transport
