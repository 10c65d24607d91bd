// The proxy in front of a server of the Open Inference Protocol: both in this process, real sockets between them.
#include <chrono>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include "services/proxy/protocol/open_inference/infer_codec.h"
#include "services/proxy/transport/backends/backend_client.h"
#include "services/proxy/transport/backends/model_reader.h"
#include "services/proxy/transport/customers/inference_calls.h"
#include "services/proxy/transport/customers/inference_stream.h"
#include "services/proxy/transport/customers/proxy_server.h"
#include "services/proxy/transport/event_loop.h"
#include "services/rpc/call_queue.h"
#include "services/rpc/status_details.h"
#include "tests/support/scripted_model.h"

namespace smartbatch::transport {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using protocol::open_inference::InferBackendCodec;
using protocol::open_inference::InferCustomerCodec;
using protocol::open_inference::Model;
using protocol::open_inference::Models;
using protocol::open_inference::ModelSettings;
using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::Ids;
using testing::ScriptedModel;

constexpr seconds kPatience{20};

ModelInferRequest RequestOf(const std::vector<Ids>& rows, const std::string& id = "id") {
  ModelInferRequest request;
  request.set_model_name("m");
  request.set_id(id);
  auto& input = *request.add_inputs();
  input.set_name("ids");
  input.set_datatype("INT64");
  input.add_shape(static_cast<std::int64_t>(rows.size()));
  input.add_shape(static_cast<std::int64_t>(rows[0].size()));
  std::string& raw = *request.add_raw_input_contents();
  for (const Ids& row : rows) raw.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(std::int64_t));
  return request;
}

std::vector<Ids> RowsOf(const ModelInferResponse& response) {
  const auto& shape = response.outputs(0).shape();
  std::vector<Ids> rows(static_cast<std::size_t>(shape[0]), Ids(static_cast<std::size_t>(shape[1])));
  const char* from = response.raw_output_contents(0).data();
  for (Ids& row : rows) {
    std::memcpy(row.data(), from, row.size() * sizeof(std::int64_t));
    from += row.size() * sizeof(std::int64_t);
  }
  return rows;
}

std::vector<Ids> SquaresOf(std::vector<Ids> rows) {
  for (Ids& row : rows) {
    for (std::int64_t& id : row) id *= id;
  }
  return rows;
}

struct Seen {
  grpc::Status status;
  ModelInferResponse response;
  std::map<std::string, std::string> trailers;
};

class OpenInference : public ::testing::Test {
 protected:
  OpenInference() { Start(); }
  ~OpenInference() override {
    server_.StopServing();
    model_server_->LetGo();
    while (!dispatcher_.WaitUntilIdle(std::chrono::milliseconds(20))) dispatcher_.Close();
    client_.StopHealthChecks();
    server_.Shutdown();
  }

  void Start() {
    const scheduling::BackendId backend = dispatcher_.AddBackend("backend", 1, {}, client_);
    client_.StartHealthChecks(std::chrono::milliseconds(50), [this, backend](scheduling::HealthReport report) {
      dispatcher_.ReportHealth(backend, report);
    });
    server_.ServeOthers([this](rpc::GenericCall& call) { return calls_.Serve(call); });
    EXPECT_TRUE(server_.Start(models_, clock_, observer_).ok());
    timer_ = std::jthread([this](const std::stop_token& stop) { dispatcher_.RunTimer(stop); });
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ = inference::GRPCInferenceService::NewStub(
        grpc::CreateCustomChannel(server_.address(), grpc::InsecureChannelCredentials(), arguments));
  }

  Seen Infer(const ModelInferRequest& request, std::chrono::milliseconds timeout = kPatience) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    Seen seen;
    seen.status = stub_->ModelInfer(&context, request, &seen.response);
    for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
      seen.trailers[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    }
    return seen;
  }
  // A request that keeps the backend busy until LetGo, so that requests that come meanwhile share a batch.
  std::future<Seen> Hold() {
    auto held = std::async(std::launch::async, [this] { return Infer(RequestOf({{testing::kHang}})); });
    while (model_server_->batches().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return held;
  }
  void WaitForWaiting(std::uint64_t requests) {
    while (dispatcher_.Look(0).queued_requests < requests) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // Sends all requests at once, into one batch if they may share it.
  std::vector<Seen> InferTogether(const std::vector<ModelInferRequest>& requests) {
    auto held = Hold();
    std::vector<std::future<Seen>> sent;
    for (const ModelInferRequest& request : requests) {
      sent.push_back(std::async(std::launch::async, [this, request] { return Infer(request); }));
    }
    WaitForWaiting(requests.size());
    model_server_->LetGo();
    std::vector<Seen> seen;
    for (auto& one : sent) seen.push_back(one.get());
    EXPECT_TRUE(held.get().status.ok());
    return seen;
  }

  static scheduling::SchedulerOptions Options() {
    scheduling::SchedulerOptions options;
    options.max_batch_size = 8;
    return options;
  }

  std::unique_ptr<ScriptedModel> model_server_ = std::make_unique<ScriptedModel>();
  const std::shared_ptr<Model> model_ = std::make_shared<Model>(ModelSettings{.name = "m",
                                                                              .padded_inputs = {{"ids", 0}},
                                                                              .trimmed_outputs = {"squares"},
                                                                              .max_batch_size = 8,
                                                                              .max_request_bytes = 64 * 1024});
  const InferCustomerCodec customer_codec_{Models({model_})};
  const InferBackendCodec backend_codec_{model_};
  runtime::SteadyClock clock_;
  runtime::CallObserver observer_;
  runtime::RecentDecisions decisions_;
  runtime::RequestStatistics statistics_;
  runtime::Dispatcher dispatcher_{
      *scheduling::Scheduler::Create(Options(), {"fcfs", {{"linger_ms", "0"}}}, &statistics_), clock_, nullptr};
  const runtime::ModelTable models_{{{"m", dispatcher_, decisions_, statistics_}}};
  rpc::CallQueue queue_{1, [this](grpc::CompletionQueue& events) { RunEvents(events, models_, {}); }};
  ProxyServer server_{"127.0.0.1:0", queue_, customer_codec_};
  BackendClient client_{model_server_->address(), backend_codec_, queue_.queue()};
  InferenceCalls calls_{{customer_codec_, models_, clock_, observer_, server_.customer_rights(), "test"}};
  ModelReader reader_{model_, [this] { return std::vector<std::string>{model_server_->address()}; }, {}};
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  std::jthread timer_;
};

TEST_F(OpenInference, RequestsOfSeveralCallersShareABatchAndEachGetsItsOwn) {
  reader_.Look();
  const std::vector<std::vector<Ids>> sent = {{{1, 2, 3}}, {{4}, {5}}, {{6, 7, 8, 9, 10}}};
  const auto seen = InferTogether({RequestOf(sent[0], "a"), RequestOf(sent[1], "b"), RequestOf(sent[2], "c")});
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_TRUE(seen[i].status.ok()) << seen[i].status.error_message();
    EXPECT_EQ(RowsOf(seen[i].response), SquaresOf(sent[i]));
    EXPECT_EQ(seen[i].response.id(), std::string(1, static_cast<char>('a' + i)));
    EXPECT_THAT(seen[i].trailers.at("x-smartbatch-timings"), ::testing::EndsWith(" batch_sizes=4"));
  }
  ASSERT_EQ(model_server_->batches().size(), 2U);
  EXPECT_THAT(model_server_->batches()[1].inputs(0).shape(), ::testing::ElementsAre(4, 5));
}

TEST_F(OpenInference, RequestsThatAskForOtherThingsNeverShareABatch) {
  reader_.Look();
  ModelInferRequest version = RequestOf({{2}});
  version.set_model_version("1");
  ModelInferRequest parameter = RequestOf({{3}});
  (*parameter.mutable_parameters())["temperature"].set_double_param(0.5);
  const auto seen = InferTogether({RequestOf({{1}}), version, parameter, RequestOf({{4}})});
  for (const Seen& one : seen) EXPECT_TRUE(one.status.ok()) << one.status.error_message();
  std::multiset<std::int64_t> rows;
  for (const ModelInferRequest& batch : model_server_->batches()) rows.insert(batch.inputs(0).shape(0));
  EXPECT_EQ(rows, (std::multiset<std::int64_t>{1, 1, 1, 2}));  // the request that held the backend, and three kinds
}

class ALyingBackend : public OpenInference, public ::testing::WithParamInterface<testing::Trouble> {};

TEST_P(ALyingBackend, HarmsOnlyTheRequestThatMakesItLie) {
  reader_.Look();
  const std::vector<std::vector<Ids>> good = {{{1, 2, 3}}, {{4}, {5}}, {{6, 7}}};
  const auto seen =
      InferTogether({RequestOf(good[0]), RequestOf(good[1]), RequestOf({{GetParam(), 1}}), RequestOf(good[2])});
  EXPECT_EQ(seen[2].status.error_code(), grpc::StatusCode::INTERNAL) << seen[2].status.error_message();
  for (const std::size_t i : {0U, 1U, 3U}) {
    ASSERT_TRUE(seen[i].status.ok()) << seen[i].status.error_message();
    EXPECT_EQ(RowsOf(seen[i].response), SquaresOf(good[i < 2 ? i : 2]));
  }
}

INSTANTIATE_TEST_SUITE_P(Lies, ALyingBackend,
                         ::testing::Values(testing::kError, testing::kTooFewRows, testing::kOtherType,
                                           testing::kOtherLength, testing::kCutContents, testing::kNoOutput));

TEST_F(OpenInference, NobodyIsServedBeforeTheModelIsKnown) {
  const Seen early = Infer(RequestOf({{1}}));
  EXPECT_EQ(early.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  inference::ServerReadyResponse ready;
  grpc::ClientContext before;
  ASSERT_TRUE(stub_->ServerReady(&before, {}, &ready).ok());
  EXPECT_FALSE(ready.ready());
  reader_.Look();
  EXPECT_TRUE(Infer(RequestOf({{1}})).status.ok());
  grpc::ClientContext after;
  ASSERT_TRUE(stub_->ServerReady(&after, {}, &ready).ok());
  EXPECT_TRUE(ready.ready());
}

TEST_F(OpenInference, AModelThatCannotBeBatchedIsRefusedAndServedOnceItCan) {
  inference::ModelConfig config;
  config.set_max_batch_size(8);
  config.mutable_model_transaction_policy()->set_decoupled(true);
  model_server_->SetConfig(config);
  reader_.Look();
  const Seen refused = Infer(RequestOf({{1}}));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("decoupled"));
  config.clear_model_transaction_policy();
  config.set_max_batch_size(2);
  model_server_->SetConfig(config);
  reader_.Look();
  EXPECT_TRUE(Infer(RequestOf({{1}, {2}})).status.ok());
  EXPECT_EQ(Infer(RequestOf({{1}, {2}, {3}})).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(OpenInference, ABackendWhoseModelIsNotReadyGetsNoBatches) {
  reader_.Look();
  model_server_->SetReady(false);
  while (dispatcher_.Look(0).backends.at(0).up) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  auto waiting = std::async(std::launch::async, [this] { return Infer(RequestOf({{1}})); });
  WaitForWaiting(1);
  EXPECT_TRUE(model_server_->batches().empty());
  model_server_->SetReady(true);
  EXPECT_TRUE(waiting.get().status.ok());
}

TEST_F(OpenInference, AMessageThatIsTooLargeIsRefused) {
  reader_.Look();
  EXPECT_EQ(Infer(RequestOf({Ids(200'000, 1)})).status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(OpenInference, ADeadlineAndACancelEndARequestThatWaits) {
  reader_.Look();
  auto held = Hold();
  const Seen late = Infer(RequestOf({{1}}), std::chrono::milliseconds(50));
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  while (dispatcher_.Look(0).queued_requests > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  model_server_->LetGo();
  EXPECT_TRUE(held.get().status.ok());
  EXPECT_EQ(model_server_->batches().size(), 1U);
}

TEST_F(OpenInference, TheParameterTimeoutIsADeadlineOfTheRequest) {
  reader_.Look();
  auto held = Hold();
  ModelInferRequest request = RequestOf({{1}}, "late");
  (*request.mutable_parameters())["timeout"].set_int64_param(50'000);
  EXPECT_EQ(Infer(request).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(request));
  inference::ModelStreamInferResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_THAT(answer.error_message(), HasSubstr("deadline"));
  EXPECT_EQ(answer.infer_response().id(), "late");
  model_server_->LetGo();
  EXPECT_TRUE(held.get().status.ok());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(model_server_->batches().size(), 1U);
}

TEST_F(OpenInference, AStreamAnswersEachRequestOnceWithItsIdTheWrongOnesToo) {
  reader_.Look();
  constexpr int kRequests = 500;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = stub_->ModelStreamInfer(&context);
  std::jthread writer([&stream] {
    for (int i = 0; i < kRequests; ++i) {
      ModelInferRequest request = RequestOf({{i, i + 1}}, std::to_string(i));
      if (i % 10 == 3) request.mutable_inputs(0)->set_name("nope");
      if (i % 10 == 7) request = RequestOf({{testing::kError}}, std::to_string(i));
      stream->Write(request);
    }
    stream->WritesDone();
  });
  std::set<std::string> ids;
  inference::ModelStreamInferResponse response;
  while (stream->Read(&response)) {
    const std::string& id = response.infer_response().id();
    EXPECT_TRUE(ids.insert(id).second) << id;
    const std::int64_t i = std::stoll(id);
    if (i % 10 == 3) {
      EXPECT_THAT(response.error_message(), HasSubstr("nope"));
    } else if (i % 10 == 7) {
      EXPECT_THAT(response.error_message(), HasSubstr("the number of the beast"));
    } else {
      EXPECT_EQ(response.error_message(), "");
      EXPECT_EQ(RowsOf(response.infer_response()), SquaresOf({{i, i + 1}}));
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(kRequests));
}

TEST_F(OpenInference, AStreamThatIsCancelledLeavesNothingInTheQueue) {
  reader_.Look();
  auto held = Hold();
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  for (int i = 0; i < 200; ++i) {
    if (!stream->Write(RequestOf({{i}}))) break;
    if (i == 20) WaitForWaiting(20);
    if (i == 30) break;
  }
  // There are never more requests of one stream than that.
  EXPECT_LE(dispatcher_.Look(0).queued_requests, InferenceStream::kMostAtOnce);
  context.TryCancel();
  while (dispatcher_.Look(0).queued_requests > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  stream->Finish();
  model_server_->LetGo();
  EXPECT_TRUE(held.get().status.ok());
  EXPECT_EQ(model_server_->batches().size(), 1U);
}

TEST_F(OpenInference, OneStreamHasABoundedNumberOfRequestsInTheQueue) {
  reader_.Look();
  auto held = Hold();
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  std::jthread writer([&stream] {
    for (int i = 0; i < 1000; ++i) {
      if (!stream->Write(RequestOf({Ids(100, i)}))) return;
    }
  });
  WaitForWaiting(InferenceStream::kMostAtOnce);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(dispatcher_.Look(0).queued_requests, InferenceStream::kMostAtOnce);
  context.TryCancel();
  model_server_->LetGo();
  held.get();
}

TEST_F(OpenInference, StatisticsCountRequestsRowsAndBatches) {
  const auto before = std::chrono::system_clock::now();
  reader_.Look();
  InferTogether({RequestOf({{1}, {2}}), RequestOf({{3}})});
  grpc::ClientContext context;
  inference::ModelStatisticsResponse response;
  inference::ModelStatisticsRequest request;
  request.set_name("m");
  ASSERT_TRUE(stub_->ModelStatistics(&context, request, &response).ok());
  EXPECT_EQ(response.model_stats(0).inference_count(), 4U);
  EXPECT_EQ(response.model_stats(0).execution_count(), 2U);
  EXPECT_EQ(response.model_stats(0).inference_stats().success().count(), 3U);
  EXPECT_GT(response.model_stats(0).inference_stats().success().ns(), 0U);
  ASSERT_EQ(response.model_stats(0).batch_stats_size(), 2);
  for (const int i : {0, 1}) {
    const auto& batches = response.model_stats(0).batch_stats(i);
    EXPECT_EQ(batches.batch_size(), i == 0 ? 1U : 3U);
    EXPECT_EQ(batches.compute_infer().count(), 1U);
    EXPECT_GT(batches.compute_infer().ns(), 0U);
  }
  const std::chrono::system_clock::time_point last{std::chrono::milliseconds(response.model_stats(0).last_inference())};
  EXPECT_GE(last + std::chrono::milliseconds(1), before);
  EXPECT_LE(last, std::chrono::system_clock::now());
}

TEST_F(OpenInference, StatisticsOfAModelThatNobodyHasCalledTellOfNoInference) {
  grpc::ClientContext context;
  inference::ModelStatisticsResponse response;
  ASSERT_TRUE(stub_->ModelStatistics(&context, {}, &response).ok());
  EXPECT_EQ(response.model_stats(0).last_inference(), 0U);
  EXPECT_EQ(response.model_stats(0).batch_stats_size(), 0);
}

// perf_analyzer aborts at a version that is not a number.
TEST_F(OpenInference, StatisticsNameTheNewestVersionOrIfItIsNotANumberVersion1) {
  using Versions = std::vector<std::string>;
  for (const auto& [versions, expected] : std::map<Versions, std::string>{
           {{"1"}, "1"}, {{"2", "13"}, "13"}, {{}, "1"}, {{""}, "1"}, {{"v0.1.0"}, "1"}, {{"3", "4.5"}, "1"}}) {
    model_server_->SetVersions(versions);
    reader_.Look();
    grpc::ClientContext context;
    inference::ModelStatisticsResponse response;
    ASSERT_TRUE(stub_->ModelStatistics(&context, {}, &response).ok());
    EXPECT_EQ(response.model_stats(0).version(), expected) << ::testing::PrintToString(versions);
  }
}

TEST_F(OpenInference, TheOldContractIsNotServedBesideIt) {
  grpc::ClientContext context;
  grpc::Status status;
  const auto channel = grpc::CreateChannel(server_.address(), grpc::InsecureChannelCredentials());
  grpc::ByteBuffer answer;
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto reader =
      stub.PrepareUnaryCall(&context, "/smartbatch.proxy.v1.ProxyService/ProxyClassify", grpc::ByteBuffer(), &queue);
  reader->StartCall();
  reader->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("inference.GRPCInferenceService"));
}

}  // namespace
}  // namespace smartbatch::transport
