#include "services/proxy/transport/backends/model_reader.h"

#include <chrono>
#include <optional>
#include <utility>

#include <absl/strings/str_cat.h>
#include <grpcpp/client_context.h>
#include <spdlog/spdlog.h>

#include "common/one_line.h"
#include "common/program/logging.h"
#include "common/sleep.h"
#include "inference/open_inference.grpc.pb.h"
#include "services/proxy/transport/backends/backend_answer.h"
#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

using protocol::open_inference::Model;
using protocol::open_inference::ModelDescription;

constexpr int kLargestDescription = 16 * 1024 * 1024;
constexpr std::chrono::seconds kPatience{1};
constexpr std::chrono::seconds kUntilKnown{1};
constexpr std::chrono::seconds kOnceKnown{5};

void SetDeadline(grpc::ClientContext& context) { context.set_deadline(std::chrono::system_clock::now() + kPatience); }

}  // namespace

ModelReader::ModelReader(std::shared_ptr<Model> model, Addresses addresses, BackendClientOptions options)
    : model_(std::move(model)), addresses_(std::move(addresses)), options_(std::move(options)) {}

void ModelReader::Look() {
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels;
  for (const std::string& address : addresses_()) {
    const auto known = channels_.find(address);
    channels[address] = known != channels_.end() ? known->second : Connect(address, kLargestDescription, options_);
  }
  channels_ = std::move(channels);
  for (const auto& [address, channel] : channels_) {
    const absl::Status answer = Ask(channel);
    if (answer.ok()) return;
    Miss(address, answer);
  }
}

void ModelReader::Miss(const std::string& address, const absl::Status& reason) {
  // It is described already; or the backend cannot be reached, which others tell.
  if (!absl::IsUnavailable(model_->description().status())) return;
  if (absl::IsUnavailable(reason) || absl::IsDeadlineExceeded(reason)) return;
  const std::string said = absl::StrCat(rpc::CodeName(reason.raw_code()), ": ", OneLine(std::string(reason.message())));
  model_->Set(absl::UnavailableError(absl::StrCat("no backend has described the model yet; one said ", said)));
  if (told_ == said) return;
  told_ = said;
  spdlog::error("model {}: backend {} does not describe it: {}", program::Quoted(model_->settings().name), address,
                program::Quoted(said));
}

absl::Status ModelReader::Ask(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = inference::GRPCInferenceService::NewStub(channel);
  inference::ModelMetadataRequest request;
  request.set_name(model_->settings().name);
  inference::ModelMetadataResponse metadata;
  {
    grpc::ClientContext context;
    SetDeadline(context);
    const grpc::Status status = stub->ModelMetadata(&context, request, &metadata);
    if (!status.ok()) return FailureOf(status);
  }
  inference::ModelConfigRequest config_request;
  config_request.set_name(model_->settings().name);
  inference::ModelConfigResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::Status status = stub->ModelConfig(&context, config_request, &response);
  if (!status.ok() && status.error_code() != grpc::StatusCode::UNIMPLEMENTED) return FailureOf(status);
  std::optional<inference::ModelConfig> config;
  if (status.ok()) config = response.config();
  const auto described = Describe(model_->settings(), metadata, config);
  const Model::Description description = described.ok()
                                             ? Model::Description(std::make_shared<const ModelDescription>(*described))
                                             : Model::Description(described.status());
  model_->Set(description);
  Tell(description);
  return absl::OkStatus();
}

void ModelReader::Tell(const Model::Description& description) {
  const std::string& name = model_->settings().name;
  std::string told = description.ok()
                         ? (*description)->metadata.SerializeAsString() + (*description)->config.SerializeAsString()
                         : std::string(description.status().message());
  if (told == told_) return;
  told_ = std::move(told);
  if (!description.ok()) return spdlog::error("{}", std::string(description.status().message()));
  spdlog::info("model {}: {} inputs, {} outputs, batches of up to {} rows, requests of up to {}", program::Quoted(name),
               (*description)->inputs.size(), (*description)->outputs.size(), (*description)->max_batch_size,
               (*description)->max_request_rows);
  for (const std::string& doubt : Doubts(model_->settings(), **description)) {
    spdlog::warn("model {}: {}", program::Quoted(name), doubt);
  }
}

void ModelReader::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    SleepFor(model_->description().ok() ? kOnceKnown : kUntilKnown, stop);
    if (!stop.stop_requested()) Look();
  }
}

}  // namespace smartbatch::transport
