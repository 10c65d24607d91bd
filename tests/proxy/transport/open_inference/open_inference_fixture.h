// The proxy in front of a server of the Open Inference Protocol: both in this process, real sockets between them.
#pragma once

#include <chrono>
#include <cstring>
#include <future>
#include <map>
#include <memory>
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

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using protocol::open_inference::InferBackendCodec;
using protocol::open_inference::InferCustomerCodec;
using protocol::open_inference::Model;
using protocol::open_inference::Models;
using protocol::open_inference::ModelSettings;
using testing::Ids;
using testing::ScriptedModel;

inline constexpr std::chrono::seconds kPatience{20};

inline ModelInferRequest RequestOf(const std::vector<Ids>& rows, const std::string& id = "id") {
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

inline std::vector<Ids> RowsOf(const ModelInferResponse& response) {
  const auto& shape = response.outputs(0).shape();
  std::vector<Ids> rows(static_cast<std::size_t>(shape[0]), Ids(static_cast<std::size_t>(shape[1])));
  const char* from = response.raw_output_contents(0).data();
  for (Ids& row : rows) {
    std::memcpy(row.data(), from, row.size() * sizeof(std::int64_t));
    from += row.size() * sizeof(std::int64_t);
  }
  return rows;
}

inline std::vector<Ids> SquaresOf(std::vector<Ids> rows) {
  for (Ids& row : rows) {
    for (std::int64_t& id : row) id *= id;
  }
  return rows;
}

// What a caller got.
struct Seen {
  grpc::Status status;
  ModelInferResponse response;
  std::map<std::string, std::string> trailers;
};

// A proxy before the scripted model `m`, of which it knows nothing until reader_.Look().
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

}  // namespace smartbatch::transport
