#include "tests/loadgen/scripted_inference_server.h"

#include <chrono>
#include <utility>

namespace smartbatch::loadgen {

class ScriptedModel::Service final : public inference::GRPCInferenceService::Service {
 public:
  Service(inference::ModelMetadataResponse metadata, Handler handler)
      : metadata_(std::move(metadata)), handler_(std::move(handler)) {}

  grpc::Status ModelMetadata(grpc::ServerContext*, const inference::ModelMetadataRequest* request,
                             inference::ModelMetadataResponse* response) override {
    if (request->name() != metadata_.name()) return {grpc::StatusCode::NOT_FOUND, "there is no such model"};
    *response = metadata_;
    return grpc::Status::OK;
  }

  grpc::Status ModelInfer(grpc::ServerContext* context, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    return handler_(*request, *response, *context);
  }

 private:
  const inference::ModelMetadataResponse metadata_;
  const Handler handler_;
};

ScriptedModel::ScriptedModel(inference::ModelMetadataResponse metadata, Handler handler)
    : service_(std::make_unique<Service>(std::move(metadata), std::move(handler))) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

ScriptedModel::~ScriptedModel() { server_->Shutdown(std::chrono::system_clock::now()); }

inference::ModelMetadataResponse MetadataOf(const std::string& model, const std::vector<ModelTensor>& inputs) {
  inference::ModelMetadataResponse metadata;
  metadata.set_name(model);
  for (const ModelTensor& input : inputs) {
    auto& tensor = *metadata.add_inputs();
    tensor.set_name(input.name);
    tensor.set_datatype(input.datatype);
    for (const std::int64_t dimension : input.shape) tensor.add_shape(dimension);
  }
  return metadata;
}

void AnswerRows(std::int64_t rows, inference::ModelInferResponse& response) {
  auto& output = *response.add_outputs();
  output.set_name("score");
  output.set_datatype("FP32");
  output.add_shape(rows);
  output.add_shape(1);
  response.add_raw_output_contents(std::string(static_cast<std::size_t>(rows) * 4, '\0'));
}

}  // namespace smartbatch::loadgen
