#include "services/classifier/served_models.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/one_line.h"
#include "services/rpc/status_details.h"

namespace smartbatch::classifier {
namespace {

std::string NameOf(const EngineDescription& engine, ModelInput input) {
  return input == ModelInput::kTexts ? engine.name : engine.name + "-tokens";
}

using Tensors = google::protobuf::RepeatedPtrField<inference::ModelMetadataResponse::TensorMetadata>;

void AddTensor(Tensors& tensors, const char* name, const char* datatype, std::int64_t columns) {
  auto& tensor = *tensors.Add();
  tensor.set_name(name);
  tensor.set_datatype(datatype);
  tensor.add_shape(-1);
  tensor.add_shape(columns);
}

}  // namespace

std::optional<ModelInput> FindModel(const EngineDescription& engine, std::string_view name, std::string_view version) {
  if (!version.empty() && version != kModelVersion) return std::nullopt;
  if (name == NameOf(engine, ModelInput::kTexts)) return ModelInput::kTexts;
  if (engine.vocabulary > 0 && name == NameOf(engine, ModelInput::kTokens)) return ModelInput::kTokens;
  return std::nullopt;
}

grpc::Status UnknownModel(const std::string& name, const std::string& version) {
  const std::string of_version = version.empty() ? "" : absl::StrCat(" version ", rpc::Shortened(version, 100));
  return {grpc::StatusCode::NOT_FOUND, OneLine(absl::StrCat("Request for unknown model: '", rpc::Shortened(name, 100),
                                                            "'", of_version, " is not found"))};
}

inference::ModelMetadataResponse MetadataOf(const EngineDescription& engine, ModelInput input) {
  inference::ModelMetadataResponse metadata;
  metadata.set_name(NameOf(engine, input));
  metadata.add_versions(std::string(kModelVersion));
  metadata.set_platform("smartbatch-classifier");
  if (input == ModelInput::kTexts) {
    AddTensor(*metadata.mutable_inputs(), kText, "BYTES", 1);
  } else {
    AddTensor(*metadata.mutable_inputs(), kIds, "INT64", -1);
    AddTensor(*metadata.mutable_inputs(), kMask, "INT64", -1);
  }
  AddTensor(*metadata.mutable_outputs(), kLabel, "BYTES", 1);
  AddTensor(*metadata.mutable_outputs(), kConfidence, "FP32", 1);
  if (engine.embedding_width > 0) {
    AddTensor(*metadata.mutable_outputs(), kEmbedding, "FP32", static_cast<std::int64_t>(engine.embedding_width));
  }
  return metadata;
}

inference::ModelConfig ConfigOf(const EngineDescription& engine, ModelInput input, std::size_t max_rows) {
  inference::ModelConfig config;
  config.set_name(NameOf(engine, input));
  config.set_platform("smartbatch-classifier");
  config.set_max_batch_size(static_cast<std::int32_t>(max_rows));
  const inference::ModelMetadataResponse metadata = MetadataOf(engine, input);
  for (const auto& tensor : metadata.inputs()) config.add_input()->set_name(tensor.name());
  return config;
}

}  // namespace smartbatch::classifier
