#include "services/proxy/transport/operators/admin_server.h"

#include <future>

#include <gmock/gmock.h>

#include "common/field_error.h"
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

TEST_F(AdminServerTest, ListsTheLastDecisionsOfEverybodyOrOfOneCustomer) {
  proxy_.AnswerAll();
  ASSERT_TRUE(proxy_.Call({"x", "yy"}, {{"x-customer-id", "alice"}}).status.ok());
  ASSERT_TRUE(proxy_.Call({"z"}, {{"x-customer-id", "bob"}}).status.ok());
  proxy::v1::ListDecisionsResponse all;
  ASSERT_TRUE(Call(&proxy::v1::AdminService::Stub::ListDecisions, {}, all).ok());
  ASSERT_EQ(all.decisions_size(), 2);
  EXPECT_EQ(all.decisions(0).parts(0).customer(), "bob");
  proxy::v1::ListDecisionsRequest request;
  request.set_customer("alice");
  request.set_limit(1);
  proxy::v1::ListDecisionsResponse one;
  ASSERT_TRUE(Call(&proxy::v1::AdminService::Stub::ListDecisions, request, one).ok());
  ASSERT_EQ(one.decisions_size(), 1);
  EXPECT_EQ(one.decisions(0).strategy(), "sjf");
  EXPECT_EQ(one.decisions(0).reason(), "slot_free");
  EXPECT_EQ(one.decisions(0).lengths_size(), 2);
  EXPECT_EQ(one.decisions(0).parts(0).sequences(), 2U);
  EXPECT_EQ(one.decisions(0).code(), "OK");
  EXPECT_GT(one.decisions(0).real_seconds(), 0);
  EXPECT_GT(one.decisions(0).age_seconds(), 0);
  request.set_limit(1000);
  EXPECT_THAT(rpc::Describe(Call(&proxy::v1::AdminService::Stub::ListDecisions, request, one)),
              AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("limit is 1000"), HasSubstr("256")));
}

TEST_F(AdminServerTest, WithoutAConfigurationFileThereIsNothingToReload) {
  proxy::v1::ReloadConfigResponse response;
  EXPECT_THAT(rpc::Describe(Call(&proxy::v1::AdminService::Stub::ReloadConfig, {}, response)),
              AllOf(HasSubstr("FAILED_PRECONDITION"), HasSubstr("--config")));
}

TEST(AdminReload, TellsWhatHasChangedAndWhatIsWrong) {
  absl::StatusOr<ReloadedSettings> outcome;
  std::vector<bool> asked;
  Loopback proxy({}, 1, {"sjf", {}}, [&](bool validate_only) {
    asked.push_back(validate_only);
    return outcome;
  });
  const auto stub = proxy::v1::AdminService::NewStub(testing::ChannelTo(proxy.admin->address()));
  const auto reload = [&](bool validate_only, proxy::v1::ReloadConfigResponse& response) {
    grpc::ClientContext context;
    proxy::v1::ReloadConfigRequest request;
    request.set_validate_only(validate_only);
    return stub->ReloadConfig(&context, request, &response);
  };
  proxy::v1::ReloadConfigResponse response;
  outcome = ReloadedSettings{{{"customers[A].weight", "1", "3"}}, {{"drain_seconds", "10", "3"}}};
  ASSERT_TRUE(reload(true, response).ok());
  ASSERT_EQ(response.changes_size(), 1);
  EXPECT_EQ(response.changes(0).field(), "customers[A].weight");
  EXPECT_EQ(response.changes(0).before(), "1");
  EXPECT_EQ(response.changes(0).after(), "3");
  ASSERT_EQ(response.overrides_size(), 1);
  EXPECT_EQ(response.overrides(0).field(), "drain_seconds");
  EXPECT_EQ(response.overrides(0).file_value(), "3");
  EXPECT_EQ(response.overrides(0).value_in_use(), "10");
  outcome = FieldError("threads", "threads is 2");
  EXPECT_THAT(rpc::Describe(reload(false, response)), AllOf(HasSubstr("INVALID_ARGUMENT"), HasSubstr("threads is 2")));
  outcome = absl::InvalidArgumentError("line 1, column 2: what?");
  const auto details = rpc::Details(reload(false, response));
  ASSERT_TRUE(details);
  google::rpc::BadRequest bad;
  ASSERT_TRUE(details->details(0).UnpackTo(&bad));
  EXPECT_EQ(bad.field_violations(0).field(), "configuration file");
  EXPECT_THAT(asked, ::testing::ElementsAre(true, false, false));
}

}  // namespace
}  // namespace smartbatch::transport
