#include "services/proxy/transport/customers/proxy_server.h"

#include <chrono>
#include <future>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/rpc/status_details.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"
#include "tests/proxy/transport/loopback.h"

namespace smartbatch::transport {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Loopback;
using testing::Seen;

template <class Detail>
Detail DetailOf(const grpc::Status& status) {
  Detail detail;
  const auto envelope = rpc::Details(status);
  if (!envelope) {
    ADD_FAILURE() << "no details: " << status.error_message();
    return detail;
  }
  for (const auto& any : envelope->details()) {
    if (any.Is<Detail>() && any.UnpackTo(&detail)) return detail;
  }
  ADD_FAILURE() << "no " << Detail::descriptor()->full_name() << " in the details";
  return detail;
}

std::string ViolatedField(const grpc::Status& status) {
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
  const auto bad_request = DetailOf<google::rpc::BadRequest>(status);
  return bad_request.field_violations_size() > 0 ? bad_request.field_violations(0).field() : "";
}

TEST(ProxyServer, AnswersInTheOrderOfTheRequest) {
  Loopback proxy;
  proxy.AnswerAll();
  const Seen seen = proxy.Call({"one", "two", "three"});
  ASSERT_TRUE(seen.status.ok()) << seen.status.error_message();
  ASSERT_EQ(seen.response.results_size(), 3);
  EXPECT_EQ(seen.response.results(0).label(), "one");
  EXPECT_EQ(seen.response.results(1).label(), "two");
  EXPECT_EQ(seen.response.results(2).label(), "three");
}

TEST(ProxyServer, TellsWhatHappenedInTheMessageAndInATrailer) {
  Loopback proxy;
  proxy.AnswerAll();
  Seen seen = proxy.Call({"one", "two"});
  ASSERT_TRUE(seen.status.ok());
  EXPECT_GT(seen.response.proxy_latency_ms(), 0);
  EXPECT_EQ(seen.response.timings().strategy(), "sjf");
  EXPECT_EQ(seen.response.timings().dispatch_reason(), "slot_free");
  EXPECT_EQ(seen.response.timings().batches(), 1U);
  ASSERT_EQ(seen.response.timings().batch_sizes_size(), 1);
  EXPECT_EQ(seen.response.timings().batch_sizes(0), 2U);
  std::smatch told;
  const std::string trailer = seen.trailers["x-smartbatch-timings"];
  ASSERT_TRUE(std::regex_match(trailer, told,
                               std::regex("strategy=sjf queue_ms=([0-9.]+) service_ms=([0-9.]+) latency_ms=([0-9.]+) "
                                          "dispatch_reason=slot_free batch_sizes=2")))
      << trailer;
  EXPECT_NEAR(std::stod(told[3]), seen.response.proxy_latency_ms(), 0.001);
  EXPECT_NEAR(std::stod(told[1]) + std::stod(told[2]), seen.response.proxy_latency_ms(), 0.002);
}

// --- Who calls ---

class CustomerNames : public ::testing::TestWithParam<std::pair<Loopback::Metadata, std::string>> {};

TEST_P(CustomerNames, AreReadFromTheMetadata) {
  Loopback proxy;
  proxy.AnswerAll();
  ASSERT_TRUE(proxy.Call({"x"}, GetParam().first).status.ok());
  const runtime::State state = proxy.dispatcher.Look(10);
  ASSERT_EQ(state.customers.size(), 1U);
  EXPECT_EQ(state.customers[0].name, GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(
    ProxyServer, CustomerNames,
    ::testing::Values(
        std::pair(Loopback::Metadata{}, "default"),
        std::pair(Loopback::Metadata{{"x-customer-id", "A.b_c-9"}}, "A.b_c-9"),
        std::pair(Loopback::Metadata{{"x-gateway-inference-fairness-id", "alias"}}, "alias"),
        std::pair(Loopback::Metadata{{"x-customer-id", "one"}, {"x-gateway-inference-fairness-id", "one"}}, "one"),
        std::pair(Loopback::Metadata{{"x-customer-id", std::string(64, 'x')}}, std::string(64, 'x'))));

TEST(ProxyServer, RefusesABadCustomerName) {
  Loopback proxy;
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a/b")}) {
    EXPECT_EQ(ViolatedField(proxy.Call({"x"}, {{"x-customer-id", name}}).status), "x-customer-id") << name;
  }
  const Seen seen = proxy.Call({"x"}, {{"x-gateway-inference-fairness-id", "a b"}});
  EXPECT_EQ(ViolatedField(seen.status), "x-gateway-inference-fairness-id");
  EXPECT_THAT(seen.status.error_message(), AllOf(HasSubstr("\"a b\""), HasSubstr("1 to 64")));
  EXPECT_EQ(proxy.dispatcher.Look(0).outcomes.offered, 0U);
}

TEST(ProxyServer, RefusesACallThatNamesItsCustomerMoreThanOnce) {
  Loopback proxy;
  const std::string alias = "x-gateway-inference-fairness-id";
  for (const Loopback::Metadata& names :
       {Loopback::Metadata{{"x-customer-id", "A"}, {"x-customer-id", "B"}},
        Loopback::Metadata{{"x-customer-id", "A"}, {"x-customer-id", "A"}},
        Loopback::Metadata{{"x-customer-id", "A"}, {alias, "B"}}, Loopback::Metadata{{alias, "A"}, {alias, "B"}}}) {
    const Seen seen = proxy.Call({"x"}, names);
    EXPECT_EQ(seen.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(seen.status.error_message(), HasSubstr("more than once"));
  }
  EXPECT_EQ(proxy.dispatcher.Look(0).outcomes.offered, 0U);
}

// --- What is refused ---

TEST(ProxyServer, SaysWhereTheServiceIsThatIsServedOnTheOtherPort) {
  Loopback proxy;
  proxy.server.SetAdminAddress(proxy.admin->address());
  proxy.admin->SetDataAddress(proxy.server.address());
  grpc::ClientContext steering;
  proxy::v1::SetStrategyResponse set;
  const grpc::Status status =
      proxy::v1::AdminService::NewStub(testing::ChannelTo(proxy.server.address()))->SetStrategy(&steering, {}, &set);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("AdminService"), HasSubstr("the admin port"), HasSubstr(proxy.admin->address())));
  grpc::ClientContext classifying;
  proxy::v1::ProxyClassifyResponse classified;
  const grpc::Status other = proxy::v1::ProxyService::NewStub(testing::ChannelTo(proxy.admin->address()))
                                 ->ProxyClassify(&classifying, {}, &classified);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(other.error_message(),
              AllOf(HasSubstr("ProxyService"), HasSubstr("the data port"), HasSubstr(proxy.server.address())));
  grpc::ClientContext asking;
  classifier::v1::ClassifyResponse answer;
  const grpc::Status neither = classifier::v1::ClassifierService::NewStub(testing::ChannelTo(proxy.server.address()))
                                   ->Classify(&asking, {}, &answer);
  EXPECT_EQ(neither.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(neither.error_message(), HasSubstr("it serves smartbatch.proxy.v1.ProxyService"));
}

TEST(ProxyServer, RefusesRequestsOfTheWrongShapeAndNamesTheField) {
  scheduling::SchedulerOptions options;
  options.max_batch_size = 2;
  options.max_sequence_length = 3;
  Loopback proxy(options);
  EXPECT_EQ(ViolatedField(proxy.Call({}).status), "sequences");
  EXPECT_EQ(ViolatedField(proxy.Call({"a", "b", "c"}).status), "sequences");
  EXPECT_EQ(ViolatedField(proxy.Call({"a", ""}).status), "sequences[1]");
  EXPECT_EQ(ViolatedField(proxy.Call({"abcd"}).status), "sequences[0]");
  EXPECT_EQ(proxy.dispatcher.Look(0).outcomes.offered, 0U);
  proxy.AnswerAll();
  EXPECT_TRUE(proxy.Call({"äöü"}).status.ok());  // characters count, not bytes
}

// Calls ProxyClassify with these bytes as the request.
grpc::Status CallWithBytes(const std::string& address, const std::string& bytes) {
  grpc::GenericStub stub(testing::ChannelTo(address));
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const grpc::Slice slice(bytes);
  const auto call = stub.PrepareUnaryCall(&context, "/smartbatch.proxy.v1.ProxyService/ProxyClassify",
                                          grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

TEST(ProxyServer, BytesThatAreNotARequestAreTheCallersFault) {
  Loopback proxy;
  EXPECT_EQ(ViolatedField(CallWithBytes(proxy.server.address(), "\x0a\x02\xff\xfe")), "sequences[0]");
  EXPECT_EQ(ViolatedField(CallWithBytes(proxy.server.address(), "\x0a\x7f")), "(message)");
}

TEST(ProxyServer, AFullQueueSaysWhenToComeBack) {
  scheduling::SchedulerOptions options;
  options.max_queued_requests = 1;
  Loopback proxy(options);
  auto first = std::async(std::launch::async, [&] { return proxy.Call({"x"}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(1));
  Seen seen = proxy.Call({"y"});
  EXPECT_EQ(seen.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(seen.status).violations(0).subject(), "queue_full");
  const auto retry_after = rpc::RetryAfter(seen.status);
  ASSERT_TRUE(retry_after);
  EXPECT_GT(*retry_after, Duration::zero());
  EXPECT_EQ(std::stod(seen.trailers["grpc-retry-pushback-ms"]), ToMilliseconds(*retry_after));
  EXPECT_GE(*retry_after, std::chrono::seconds(1));  // nothing is known about batches yet
  EXPECT_THAT(seen.status.error_message(), HasSubstr("1 requests"));
  proxy.AnswerAll();
  EXPECT_TRUE(first.get().status.ok());
}

TEST(ProxyServer, ARequestThatNeverFitsIsNotToldToComeBack) {
  scheduling::SchedulerOptions options;
  options.max_queued_bytes = 10;
  Loopback proxy(options);
  Seen seen = proxy.Call({"eleven ones"});
  EXPECT_EQ(seen.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(rpc::RetryAfter(seen.status), std::nullopt);
  EXPECT_EQ(seen.trailers["grpc-retry-pushback-ms"], "-1");
  EXPECT_THAT(seen.status.error_message(), HasSubstr("10 bytes"));
}

TEST(ProxyServer, ACustomersFullShareLeavesRoomForOthers) {
  scheduling::SchedulerOptions options;
  options.max_queued_requests_per_customer = 1;
  Loopback proxy(options);
  auto first = std::async(std::launch::async, [&] { return proxy.Call({"x"}, {{"x-customer-id", "greedy"}}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(1));
  const Seen refused = proxy.Call({"y"}, {{"x-customer-id", "greedy"}});
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(refused.status).violations(0).subject(), "customer_queue_full");
  proxy.AnswerAll();
  EXPECT_TRUE(proxy.Call({"y"}, {{"x-customer-id", "modest"}}).status.ok());
  EXPECT_TRUE(first.get().status.ok());
}

// --- Deadlines and cancels ---

TEST(ProxyServer, ARequestCountsWithAllThatItHoldsAndNotItsTextAlone) {
  scheduling::SchedulerOptions options;
  options.max_queued_bytes = 40'000;
  Loopback proxy(options);
  auto first = std::async(std::launch::async, [&] { return proxy.Call({"a"}); });
  auto second = std::async(std::launch::async, [&] { return proxy.Call({"b"}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(2));
  const Seen third = proxy.Call({"c"});
  EXPECT_EQ(third.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(third.status.error_message(), HasSubstr("bytes"));
  proxy.AnswerAll();
  EXPECT_TRUE(first.get().status.ok());
  EXPECT_TRUE(second.get().status.ok());
}

TEST(ProxyServer, ACallWithoutAMessageIsTheCallersFault) {
  Loopback proxy;
  grpc::GenericStub stub(testing::ChannelTo(proxy.server.address()));
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const auto call = stub.PrepareCall(&context, "/smartbatch.proxy.v1.ProxyService/ProxyClassify", &queue);
  grpc::Status status;
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  call->WritesDone(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  call->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok) && ok);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
}

TEST(ProxyServer, AnExpiredRequestLeavesTheQueue) {
  Loopback proxy;
  auto busy = std::async(std::launch::async, [&] { return proxy.Call({"busy"}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(1));
  EXPECT_EQ(proxy.Call({"x"}, {}, milliseconds(30)).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (proxy.dispatcher.Look(0).queued_requests > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(proxy.dispatcher.Look(0).queued_requests, 0U);
  proxy.backend.AnswerNext();
  EXPECT_TRUE(busy.get().status.ok());
  EXPECT_THAT(proxy.backend.Waiting(), IsEmpty());
}

TEST(ProxyServer, ACancelledCallLeavesTheQueueAndIsNeverSent) {
  Loopback proxy;
  auto busy = std::async(std::launch::async, [&] { return proxy.Call({"busy"}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(1));
  grpc::ClientContext context;
  auto cancelled = std::async(std::launch::async, [&] { return proxy.Call(context, {"x"}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(2));
  context.TryCancel();
  EXPECT_EQ(cancelled.get().status.error_code(), grpc::StatusCode::CANCELLED);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (proxy.dispatcher.Look(0).outcomes[scheduling::Outcome::kCancelled] == 0 &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(proxy.dispatcher.Look(0).outcomes[scheduling::Outcome::kCancelled], 1U);
  proxy.backend.AnswerNext();
  EXPECT_TRUE(busy.get().status.ok());
  EXPECT_THAT(proxy.backend.Waiting(), IsEmpty());
}

// --- Failures ---

TEST(ProxyServer, PassesOnTheBackendsCodeWithAReason) {
  Loopback proxy;
  auto call = std::async(std::launch::async, [&] { return proxy.Call({"x"}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(1));
  proxy.backend.FailNext(absl::DataLossError("cosmic rays"));
  const grpc::Status status = call.get().status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), HasSubstr("cosmic rays"));
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).reason(), "BACKEND_FAILED");
}

TEST(ProxyServer, SaysInternalIfTheClassifierDoesNotLetTheProxyIn) {
  for (const absl::Status& refusal : {absl::UnauthenticatedError("who?"), absl::PermissionDeniedError("no")}) {
    Loopback proxy;
    auto call = std::async(std::launch::async, [&] { return proxy.Call({"x"}); });
    ASSERT_TRUE(proxy.WaitUntilOffered(1));
    proxy.backend.FailNext(refusal);
    const grpc::Status status = call.get().status;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
    const auto info = DetailOf<google::rpc::ErrorInfo>(status);
    EXPECT_EQ(info.reason(), "BACKEND_FAILED");
    EXPECT_EQ(info.metadata().at("backend_code"), rpc::CodeName(refusal.raw_code()));
  }
}

TEST(ProxyServer, SaysThatItDoesNotServeWhileNoClassifierCanBeReachedAndNeverServesAgainOnceItStops) {
  Loopback proxy;
  const auto stub = grpc::health::v1::Health::NewStub(testing::ChannelTo(proxy.server.address()));
  const auto health = [&](const std::string& service) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    EXPECT_TRUE(stub->Check(&context, request, &response).ok());
    return response.status();
  };
  constexpr char kService[] = "smartbatch.proxy.v1.ProxyService";
  using grpc::health::v1::HealthCheckResponse;
  EXPECT_EQ(health(kService), HealthCheckResponse::SERVING);
  proxy.server.SetReachable(false);
  EXPECT_EQ(health(kService), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(health(""), HealthCheckResponse::SERVING);
  proxy.server.SetReachable(true);
  EXPECT_EQ(health(kService), HealthCheckResponse::SERVING);
  proxy.server.StopServing();
  proxy.server.SetReachable(true);
  EXPECT_EQ(health(kService), HealthCheckResponse::NOT_SERVING);
}

TEST(ProxyServer, RefusesNewCallsWhileItDrains) {
  Loopback proxy;
  auto there = std::async(std::launch::async, [&] { return proxy.Call({"x"}); });
  ASSERT_TRUE(proxy.WaitUntilOffered(1));
  proxy.dispatcher.StopAccepting();
  const Seen refused = proxy.Call({"y"});
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(rpc::RetryAfter(refused.status));
  proxy.backend.AnswerNext();
  EXPECT_TRUE(there.get().status.ok());
}

TEST(ProxyServer, EveryCallIsAnsweredWhenItIsClosed) {
  Loopback proxy;
  std::vector<std::future<Seen>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(std::async(std::launch::async, [&] { return proxy.Call({"x"}); }));
  }
  ASSERT_TRUE(proxy.WaitUntilOffered(20));
  proxy.Stop();
  for (auto& call : calls) EXPECT_EQ(call.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(ProxyServer, ServesManyCallersOnSeveralThreadsWithCancelsAndDeadlines) {
  Loopback proxy({}, 3);
  proxy.AnswerAll();
  std::vector<std::jthread> callers;
  std::atomic<int> ended = 0;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 50; ++i, ++ended) {
        grpc::ClientContext context;
        if (i % 5 == 4) {
          std::jthread canceller([&] { context.TryCancel(); });
          proxy.Call(context, {"gone"});
        } else if (i % 7 == 6) {
          proxy.Call(context, {"late"}, {}, milliseconds(0));
        } else {
          const Seen seen = proxy.Call(context, {"x" + std::to_string(caller)});
          EXPECT_TRUE(seen.status.ok()) << seen.status.error_message();
          EXPECT_EQ(seen.response.results(0).label(), "x" + std::to_string(caller));
        }
      }
    });
  }
  callers.clear();
  EXPECT_EQ(ended, 400);
}

TEST(ProxyServer, AMessageLargerThanAnyRequestCanBeIsRefused) {
  Loopback proxy;
  proxy.AnswerAll();
  EXPECT_EQ(proxy.Call({std::string(1000 * 1024, 'x')}).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(proxy.Call({std::string(1100 * 1024, 'x')}).status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(proxy.Call({"x"}).status.ok());
}

TEST(ProxyServer, PassesHeadersOnUpToTheirLongest) {
  Loopback proxy;
  const std::string longest(128, 'r');
  for (const std::string& id : {longest, longest + "r"}) {
    auto call = std::async(std::launch::async, [&] { return proxy.Call({"x"}, {{"x-request-id", id}}); });
    auto sent = proxy.backend.TakeNext();
    std::vector<std::string> passed;
    for (const runtime::CallContext& context : sent.contexts) passed.push_back(context.request_id);
    EXPECT_EQ(passed, id == longest ? std::vector<std::string>{longest} : std::vector<std::string>{});
    testing::ScriptedBackend::Answer(std::move(sent));
    EXPECT_TRUE(call.get().status.ok());
  }
}

TEST(ProxyServer, TwoCannotShareAPort) {
  Loopback proxy;
  ProxyServer second(proxy.server.address(), proxy.queue, proxy.codec);
  const absl::Status status = second.Start(proxy.models, proxy.clock, proxy.calls);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(proxy.server.address()));
}

}  // namespace
}  // namespace smartbatch::transport
