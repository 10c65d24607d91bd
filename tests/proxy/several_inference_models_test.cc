// One proxy, several models of the Open Inference Protocol.
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>

#include "inference/open_inference.grpc.pb.h"
#include "tests/proxy/running_proxy.h"
#include "tests/support/scripted_model.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using testing::ScriptedModel;
using ::testing::StartsWith;

class TwoInferenceModels : public ::testing::Test {
 protected:
  inference::ModelInferRequest RequestFor(const std::string& model, std::int64_t id) {
    inference::ModelInferRequest request;
    request.set_model_name(model);
    auto& input = *request.add_inputs();
    input.set_name("ids");
    input.set_datatype("INT64");
    input.add_shape(1);
    input.add_shape(1);
    request.add_raw_input_contents(std::string(reinterpret_cast<const char*>(&id), sizeof id));
    return request;
  }
  grpc::Status Infer(const std::string& model, std::int64_t id) {
    grpc::ClientContext context;
    SetDeadline(context);
    inference::ModelInferResponse response;
    const auto status = stub_->ModelInfer(&context, RequestFor(model, id), &response);
    EXPECT_EQ(response.model_name(), status.ok() ? model : "");
    return status;
  }
  bool IsReady(const std::string& model) {
    grpc::ClientContext context;
    inference::ModelReadyRequest request;
    request.set_name(model);
    inference::ModelReadyResponse response;
    EXPECT_TRUE(stub_->ModelReady(&context, request, &response).ok());
    return response.ready();
  }
  bool IsServerReady() {
    grpc::ClientContext context;
    inference::ServerReadyResponse response;
    EXPECT_TRUE(stub_->ServerReady(&context, {}, &response).ok());
    return response.ready();
  }
  std::vector<std::string> Index() {
    grpc::ClientContext context;
    inference::RepositoryIndexResponse response;
    EXPECT_TRUE(stub_->RepositoryIndex(&context, {}, &response).ok());
    std::vector<std::string> lines;
    for (const auto& model : response.models()) lines.push_back(model.name() + " " + model.state());
    return lines;
  }
  static std::set<std::string> NamesIn(const std::vector<inference::ModelInferRequest>& batches) {
    std::set<std::string> names;
    for (const auto& batch : batches) names.insert(batch.model_name());
    return names;
  }

  ScriptedModel a_;
  std::unique_ptr<ScriptedModel> b_ = std::make_unique<ScriptedModel>();
  ProxyOf proxy_{absl::StrReplaceAll(R"(
      failures { unavailable_after_seconds: 0.1 } health_check_seconds: 0.05
      backends { address: "oip://ADDRESS_A/a" }
      models { name: "b" backends { address: "oip://ADDRESS_B/b" } })",
                                     {{"ADDRESS_A", a_.address()}, {"ADDRESS_B", b_->address()}})};
  const std::unique_ptr<inference::GRPCInferenceService::Stub> stub_ =
      inference::GRPCInferenceService::NewStub(ChannelTo(proxy_->address()));
};

TEST_F(TwoInferenceModels, ARequestGoesToTheModelThatItNames) {
  for (int i = 1; i <= 50; ++i) {
    EXPECT_TRUE(Infer("a", i).ok());
    EXPECT_TRUE(Infer("b", i).ok());
  }
  EXPECT_THAT(NamesIn(a_.batches()), ElementsAre("a"));
  EXPECT_THAT(NamesIn(b_->batches()), ElementsAre("b"));
  for (const char* const unknown : {"c", "", "default"}) {
    const grpc::Status status = Infer(unknown, 1);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_THAT(status.error_message(), StartsWith("Request for unknown model: "));
  }
}

TEST_F(TwoInferenceModels, AStreamMayAskForBoth) {
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub_->ModelStreamInfer(&context);
  for (const char* const model : {"a", "b", "c"}) EXPECT_TRUE(stream->Write(RequestFor(model, 3)));
  stream->WritesDone();
  std::multiset<std::string> answered;
  inference::ModelStreamInferResponse response;
  while (stream->Read(&response)) {
    answered.insert(response.error_message().empty() ? response.infer_response().model_name() : "error");
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(answered, ElementsAre("a", "b", "error"));
}

TEST_F(TwoInferenceModels, OneWhoseServerIsGoneIsNotReadyAndTheOtherGoesOn) {
  ASSERT_TRUE(Infer("b", 1).ok());
  EXPECT_TRUE(IsServerReady());
  EXPECT_THAT(Index(), ElementsAre("a READY", "b READY"));
  b_.reset();
  const auto end = steady_clock::now() + kPatience;
  while (IsReady("b") && steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_FALSE(IsReady("b"));
  EXPECT_TRUE(IsReady("a"));
  EXPECT_FALSE(IsServerReady());
  EXPECT_THAT(Index(), ElementsAre("a READY", "b UNAVAILABLE"));
  EXPECT_EQ(Infer("b", 1).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Infer("a", 1).ok());
}

TEST_F(TwoInferenceModels, StatisticsAreOfEachModelAndOfAllWithoutAName) {
  ASSERT_TRUE(Infer("a", 1).ok());
  ASSERT_TRUE(Infer("b", 1).ok());
  ASSERT_TRUE(Infer("b", 2).ok());
  const auto counts = [this](const std::string& model) {
    grpc::ClientContext context;
    inference::ModelStatisticsRequest request;
    request.set_name(model);
    inference::ModelStatisticsResponse response;
    EXPECT_TRUE(stub_->ModelStatistics(&context, request, &response).ok());
    std::vector<std::string> lines;
    for (const auto& one : response.model_stats()) {
      lines.push_back(one.name() + " " + std::to_string(one.inference_stats().success().count()));
    }
    return lines;
  };
  EXPECT_THAT(counts(""), ElementsAre("a 1", "b 2"));
  EXPECT_THAT(counts("b"), ElementsAre("b 2"));
}

}  // namespace
}  // namespace smartbatch::proxy
