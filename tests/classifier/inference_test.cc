// The real program by the Open Inference Protocol, with its default engine.
#include <chrono>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include "inference/open_inference.grpc.pb.h"
#include "services/rpc/status_details.h"
#include "tests/classifier/classifier_process.h"

namespace smartbatch::classifier {
namespace {

using inference::GRPCInferenceService;
using ::testing::HasSubstr;
using namespace std::string_literals;

class Inference : public ::testing::Test {
 protected:
  // Calls a method of the stub and returns its status.
  template <class Method, class Request, class Response>
  grpc::Status Call(Method method, const Request& request, Response& response) {
    grpc::ClientContext context;
    return (stub_.get()->*method)(&context, request, &response);
  }

  ClassifierProcess classifier_{{"--cost-quadratic", "0", "--cost-fixed", "0.05", "--max-batch-size", "4"}};
  std::unique_ptr<GRPCInferenceService::Stub> stub_ = GRPCInferenceService::NewStub(classifier_.channel());
};

TEST_F(Inference, ClientsFindTheModelAndItsLimits) {
  inference::ServerLiveResponse live;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ServerLive, inference::ServerLiveRequest(), live).ok());
  EXPECT_TRUE(live.live());
  inference::ServerReadyResponse ready;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ServerReady, inference::ServerReadyRequest(), ready).ok());
  EXPECT_TRUE(ready.ready());
  inference::ServerMetadataResponse server;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ServerMetadata, inference::ServerMetadataRequest(), server).ok());
  EXPECT_EQ(server.name(), "smartbatch-classifier");
  inference::ModelReadyRequest model;
  model.set_name("rules");
  inference::ModelReadyResponse model_ready;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ModelReady, model, model_ready).ok());
  EXPECT_TRUE(model_ready.ready());
  inference::ModelMetadataRequest of_model;
  of_model.set_name("rules");
  inference::ModelMetadataResponse metadata;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ModelMetadata, of_model, metadata).ok());
  ASSERT_EQ(metadata.inputs_size(), 1);
  EXPECT_EQ(metadata.inputs(0).name(), "text");
  EXPECT_EQ(metadata.outputs_size(), 2);  // the rules compute no embedding
  inference::ModelConfigRequest config_of;
  config_of.set_name("rules");
  inference::ModelConfigResponse config;
  ASSERT_TRUE(Call(&GRPCInferenceService::Stub::ModelConfig, config_of, config).ok());
  EXPECT_EQ(config.config().max_batch_size(), 4);
}

TEST_F(Inference, AnswersTextsAfterTheTimeOfTheirBatch) {
  inference::ModelInferRequest request;
  request.set_model_name("rules");
  auto& input = *request.add_inputs();
  input.set_name("text");
  input.set_datatype("BYTES");
  input.add_shape(2);
  input.add_shape(1);
  request.add_raw_input_contents("\x02\x00\x00\x00"s + "{}" + "\x05\x00\x00\x00"s + "hello");
  inference::ModelInferResponse response;
  const auto start = std::chrono::steady_clock::now();
  const grpc::Status status = Call(&GRPCInferenceService::Stub::ModelInfer, request, response);
  ASSERT_TRUE(status.ok()) << rpc::Describe(status);
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(50));
  ASSERT_EQ(response.raw_output_contents_size(), 2);
  EXPECT_EQ(response.raw_output_contents(0), "\x04\x00\x00\x00"s + "code" + "\x08\x00\x00\x00"s + "not code");
  EXPECT_EQ(classifier_.Metric("smartbatch_classifier_batch_sequences_sum"), 2);
}

TEST_F(Inference, AnUnknownModelIsNotFound) {
  inference::ModelMetadataRequest request;
  request.set_name("minilm");
  inference::ModelMetadataResponse response;
  const grpc::Status status = Call(&GRPCInferenceService::Stub::ModelMetadata, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("'minilm' is not found"));
}

TEST_F(Inference, WhatItDoesNotServeIsUnimplemented) {
  inference::ModelStatisticsResponse response;
  EXPECT_EQ(
      Call(&GRPCInferenceService::Stub::ModelStatistics, inference::ModelStatisticsRequest(), response).error_code(),
      grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace smartbatch::classifier
