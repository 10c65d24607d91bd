// A server in the test's own process that stands in for a model server: it has one model, by the Open Inference
// Protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "inference/open_inference.grpc.pb.h"

namespace smartbatch::loadgen {

// Thread safe.
class ScriptedModel {
 public:
  // Called for each request, on several threads at once. It fills in the answer.
  using Handler = std::function<grpc::Status(const inference::ModelInferRequest& request,
                                             inference::ModelInferResponse& response, grpc::ServerContext& context)>;

  // Serves the model that the metadata describe, on a free port of the loopback device.
  ScriptedModel(inference::ModelMetadataResponse metadata, Handler handler);
  ~ScriptedModel();
  ScriptedModel(const ScriptedModel&) = delete;
  ScriptedModel& operator=(const ScriptedModel&) = delete;

  const std::string& address() const { return address_; }

 private:
  class Service;

  std::unique_ptr<Service> service_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

// An input or output of a model.
struct ModelTensor {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> shape;
};
inference::ModelMetadataResponse MetadataOf(const std::string& model, const std::vector<ModelTensor>& inputs);

// Answers one output with so many rows of one number.
void AnswerRows(std::int64_t rows, inference::ModelInferResponse& response);

}  // namespace smartbatch::loadgen
