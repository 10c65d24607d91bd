#include "services/proxy/protocol/open_inference/model.h"

#include <algorithm>
#include <cassert>

#include <absl/strings/str_cat.h>

#include "common/one_line.h"
#include "services/tensors/elements.h"

namespace smartbatch::protocol::open_inference {
namespace {

using tensors::kBytes;
using tensors::Shown;

using Tensors = std::map<std::string, TensorDescription, std::less<>>;

Tensors TensorsOf(const google::protobuf::RepeatedPtrField<inference::ModelMetadataResponse::TensorMetadata>& all) {
  Tensors tensors;
  for (const auto& tensor : all) {
    tensors[tensor.name()] = {tensor.datatype(), {tensor.shape().begin(), tensor.shape().end()}};
  }
  return tensors;
}

absl::Status CannotBeBatched(const std::string& model, const std::string& why) {
  return absl::UnimplementedError(
      absl::StrCat("model '", model, "' ", why, ": the proxy cannot batch its requests; call its server directly"));
}

}  // namespace

absl::StatusOr<ModelDescription> Describe(const ModelSettings& settings,
                                          const inference::ModelMetadataResponse& metadata,
                                          const std::optional<inference::ModelConfig>& config) {
  ModelDescription description{
      metadata, {}, TensorsOf(metadata.inputs()), TensorsOf(metadata.outputs()), settings.max_batch_size};
  if (config) {
    if (config->has_sequence_batching()) return CannotBeBatched(settings.name, "has a sequence batcher");
    if (config->model_transaction_policy().decoupled()) return CannotBeBatched(settings.name, "is decoupled");
    if (config->max_batch_size() <= 0) {
      return CannotBeBatched(settings.name, "has max_batch_size 0, and so no batch dimension");
    }
    description.max_batch_size =
        std::min(settings.max_batch_size, static_cast<std::uint32_t>(config->max_batch_size()));
    description.config = *config;
    for (const inference::ModelInput& input : config->input()) {
      const auto found = description.inputs.find(input.name());
      if (found != description.inputs.end()) found->second.optional = input.optional();
    }
  }
  description.config.set_name(settings.name);
  description.max_request_rows =
      settings.max_request_rows == 0 ? description.max_batch_size : settings.max_request_rows;
  description.config.set_max_batch_size(static_cast<std::int32_t>(description.max_request_rows));
  return description;
}

std::vector<std::string> Doubts(const ModelSettings& settings, const ModelDescription& description) {
  std::vector<std::string> doubts;
  if (description.max_batch_size < settings.max_batch_size) {
    doubts.push_back(absl::StrCat("the model accepts at most ", description.max_batch_size,
                                  " rows, and batches have up to ", settings.max_batch_size, "; set max-batch-size to ",
                                  description.max_batch_size));
  }
  for (const auto& [name, value] : settings.padded_inputs) {
    if (!description.inputs.empty() && !description.inputs.contains(name)) {
      doubts.push_back(absl::StrCat("the model has no input '", name, "', which open_inference.padded_inputs names"));
    }
  }
  for (const std::string& name : settings.trimmed_outputs) {
    if (!description.outputs.empty() && !description.outputs.contains(name)) {
      doubts.push_back(
          absl::StrCat("the model has no output '", name, "', which open_inference.trimmed_outputs names"));
    }
  }
  for (const auto& [name, input] : description.inputs) {
    if (input.datatype == kBytes || input.shape.size() < 2 || input.shape[1] >= 0) continue;
    if (settings.padded_inputs.contains(name)) continue;
    doubts.push_back(absl::StrCat("requests whose input '", name,
                                  "' differs in its second dimension share no batch; if the model ignores padding, "
                                  "name the input in open_inference.padded_inputs (--pad-input)"));
  }
  if (settings.padded_inputs.empty()) return doubts;
  if (description.outputs.empty() && settings.trimmed_outputs.empty()) {
    doubts.emplace_back(
        "its server does not describe its outputs; if the second dimension of one is that of the padded inputs, name "
        "it in open_inference.trimmed_outputs, or its rows are answered with the padding of their batch");
  }
  for (const auto& [name, output] : description.outputs) {
    if (output.shape.size() < 2 || output.shape[1] >= 0 || settings.trimmed_outputs.contains(name)) continue;
    doubts.push_back(absl::StrCat("the second dimension of output '", name,
                                  "' has no fixed size; if it is that of the padded inputs, name the output in "
                                  "open_inference.trimmed_outputs"));
  }
  return doubts;
}

Model::Description Model::description() const {
  const MutexLock lock(mutex_);
  return description_;
}

void Model::Set(Description description) {
  const MutexLock lock(mutex_);
  std::swap(description_, description);
}

absl::Status Model::CheckVersion(std::string_view version) const {
  const Description described = description();
  if (!described.ok()) return described.status();
  const auto& versions = (*described)->metadata.versions();
  if (version.empty() || versions.empty() || std::find(versions.begin(), versions.end(), version) != versions.end()) {
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("Request for unknown model: '", settings_.name, "' version ",
                                          OneLine(std::string(version.substr(0, 100))), " is not found"));
}

absl::StatusOr<std::shared_ptr<const Model>> Models::Find(std::string_view name, std::string_view version) const {
  for (const auto& model : models_) {
    if (model->settings().name != name) continue;
    if (auto status = model->CheckVersion(version); !status.ok()) return status;
    return model;
  }
  return absl::NotFoundError(absl::StrCat("Request for unknown model: ", Shown(std::string(name)), " is not found"));
}

const Model& Models::operator[](std::string_view name) const {
  const auto found = std::find_if(models_.begin(), models_.end(),
                                  [name](const auto& model) { return model->settings().name == name; });
  assert(found != models_.end());
  return **found;
}

}  // namespace smartbatch::protocol::open_inference
