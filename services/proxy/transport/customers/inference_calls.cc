#include "services/proxy/transport/customers/inference_calls.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "inference/open_inference.grpc.pb.h"
#include "services/proxy/transport/customers/inference_stream.h"
#include "services/proxy/transport/status_mapping.h"
#include "services/rpc/raw_message.h"

namespace smartbatch::transport {
namespace {

using protocol::open_inference::Model;

constexpr char kPrefix[] = "/inference.GRPCInferenceService/";

// Reads one message, answers it, and ends the call.
class UnaryCall final : public rpc::CallHandler {
 public:
  using Answer = std::function<grpc::Status(const grpc::ByteBuffer& request, grpc::ByteBuffer& response)>;
  UnaryCall(rpc::GenericCall& call, const Answer& answer) : call_(call), answer_(answer) {}

  void Start() override { call_.StartRead(&request_); }
  void OnReadDone(bool ok) override {
    if (!ok) {
      return call_.Finish({grpc::StatusCode::INVALID_ARGUMENT, "the call carried no request; send exactly one"});
    }
    grpc::ByteBuffer response;
    const grpc::Status status = answer_(request_, response);
    status.ok() ? call_.WriteAndFinish(response) : call_.Finish(status);
  }

 private:
  rpc::GenericCall& call_;
  const Answer& answer_;
  grpc::ByteBuffer request_;
};

std::string WhyNot(const std::string& method) {
  if (absl::StrContains(method, "SharedMemory")) {
    return "the proxy and its backends share no memory with the caller; send tensors in the message";
  }
  if (absl::StartsWith(method, "RepositoryModel")) return "load and unload models at their server";
  if (method == "TraceSetting" || method == "LogSettings")
    return "these are settings of the model's server; call it directly";
  return "the proxy does not serve this call";
}

void Set(inference::StatisticDuration& duration, const runtime::RequestStatistics::Total& total) {
  duration.set_count(total.count);
  duration.set_ns(static_cast<std::uint64_t>(total.time.count()));
}

// Empty if the model is not described, or has none.
std::string NewestVersion(const Model& model) {
  const auto description = model.description();
  if (!description.ok() || (*description)->metadata.versions().empty()) return {};
  return *(*description)->metadata.versions().rbegin();
}

// The version that statistics name: the newest or, if that is not a number, 1. In Triton versions are numbers, and
// perf_analyzer aborts at others. MLServer's models may have any version, or none.
std::string NumberedVersion(const Model& model) {
  std::string version = NewestVersion(model);
  std::uint32_t number = 0;
  return absl::SimpleAtoi(version, &number) ? version : "1";
}

std::uint64_t UnixMilliseconds(Time time, Time now) {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch() - (now - time);
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

void Describe(const Model& model, const runtime::RequestStatistics::Totals& totals, Time now,
              inference::ModelStatistics& out) {
  out.set_name(model.settings().name);
  out.set_version(NumberedVersion(model));
  if (totals.last_answer) out.set_last_inference(UnixMilliseconds(*totals.last_answer, now));
  for (std::size_t rows = 0; rows < totals.batches.size(); ++rows) {
    const runtime::RequestStatistics::Total& batches = totals.batches[rows];
    if (batches.count == 0) continue;
    out.set_inference_count(out.inference_count() + rows * batches.count);
    out.set_execution_count(out.execution_count() + batches.count);
    inference::InferBatchStatistics& statistics = *out.add_batch_stats();
    statistics.set_batch_size(rows);
    Set(*statistics.mutable_compute_infer(), batches);
    Set(*statistics.mutable_compute_input(), {batches.count, {}});
    Set(*statistics.mutable_compute_output(), {batches.count, {}});
  }
  inference::InferStatistics& statistics = *out.mutable_inference_stats();
  Set(*statistics.mutable_success(), totals.answered);
  Set(*statistics.mutable_fail(), totals.failed);
  Set(*statistics.mutable_queue(), totals.queued);
  // Of each request: from the dispatch of its last part to its answer.
  runtime::RequestStatistics::Total computed{totals.answered.count, totals.answered.time - totals.queued.time};
  Set(*statistics.mutable_compute_infer(), computed);
  Set(*statistics.mutable_compute_input(), {totals.answered.count, {}});
  Set(*statistics.mutable_compute_output(), {totals.answered.count, {}});
}

}  // namespace

template <class Request, class Response>
void InferenceCalls::Add(const std::string& method,
                         grpc::Status (InferenceCalls::*answer)(const Request&, Response&) const) {
  answers_[kPrefix + method] = [this, answer](const grpc::ByteBuffer& bytes, grpc::ByteBuffer& out) {
    Request request;
    if (auto status = rpc::ParseMessage(bytes, request); !status.ok()) return status;
    Response response;
    if (auto status = (this->*answer)(request, response); !status.ok()) return status;
    out = rpc::SerializeMessage(response);
    return grpc::Status::OK;
  };
}

InferenceCalls::InferenceCalls(InferenceParts parts) : parts_(std::move(parts)) {
  Add("ServerLive", &InferenceCalls::ServerLive);
  Add("ServerReady", &InferenceCalls::ServerReady);
  Add("ModelReady", &InferenceCalls::ModelReady);
  Add("ServerMetadata", &InferenceCalls::ServerMetadata);
  Add("ModelMetadata", &InferenceCalls::ModelMetadata);
  Add("ModelConfig", &InferenceCalls::ModelConfig);
  Add("ModelStatistics", &InferenceCalls::ModelStatistics);
  Add("RepositoryIndex", &InferenceCalls::RepositoryIndex);
}

std::shared_ptr<rpc::CallHandler> InferenceCalls::Serve(rpc::GenericCall& call) const {
  const std::string& method = call.context().method();
  if (!absl::StartsWith(method, kPrefix)) return nullptr;
  const auto answer = answers_.find(method);
  if (answer != answers_.end()) return std::make_shared<UnaryCall>(call, answer->second);
  const std::string name = method.substr(sizeof kPrefix - 1);
  if (name == "ModelStreamInfer") return std::make_shared<InferenceStream>(parts_, call);
  return rpc::Refuse(call, {grpc::StatusCode::UNIMPLEMENTED, absl::StrCat(name, ": ", WhyNot(name))});
}

bool InferenceCalls::IsReady(const Model& model) const {
  return model.description().ok() && !parts_.models.Find(model.settings().name)->dispatcher.IsUnavailable();
}

grpc::Status InferenceCalls::ServerLive(const inference::ServerLiveRequest&,
                                        inference::ServerLiveResponse& response) const {
  response.set_live(true);
  return grpc::Status::OK;
}

// As Triton does: the server is ready if all of its models are.
grpc::Status InferenceCalls::ServerReady(const inference::ServerReadyRequest&,
                                         inference::ServerReadyResponse& response) const {
  const auto& models = parts_.codec.models().all();
  response.set_ready(std::all_of(models.begin(), models.end(), [this](const auto& model) { return IsReady(*model); }));
  return grpc::Status::OK;
}

// Like Triton: an unknown model is not ready, which is not an error.
grpc::Status InferenceCalls::ModelReady(const inference::ModelReadyRequest& request,
                                        inference::ModelReadyResponse& response) const {
  const auto model = parts_.codec.models().Find(request.name(), request.version());
  response.set_ready(model.ok() && IsReady(**model));
  return grpc::Status::OK;
}

grpc::Status InferenceCalls::ServerMetadata(const inference::ServerMetadataRequest&,
                                            inference::ServerMetadataResponse& response) const {
  response.set_name("smartbatch-proxy");
  response.set_version(parts_.version);
  for (const char* const extension : {"model_repository", "model_configuration", "statistics", "binary_tensor_data"}) {
    response.add_extensions(extension);
  }
  return grpc::Status::OK;
}

grpc::Status InferenceCalls::ModelMetadata(const inference::ModelMetadataRequest& request,
                                           inference::ModelMetadataResponse& response) const {
  const auto model = parts_.codec.models().Find(request.name(), request.version());
  if (!model.ok()) return FromAbsl(model.status());
  const auto description = (*model)->description();
  if (!description.ok()) return FromAbsl(description.status());
  response = (*description)->metadata;
  return grpc::Status::OK;
}

grpc::Status InferenceCalls::ModelConfig(const inference::ModelConfigRequest& request,
                                         inference::ModelConfigResponse& response) const {
  const auto model = parts_.codec.models().Find(request.name(), request.version());
  if (!model.ok()) return FromAbsl(model.status());
  const auto description = (*model)->description();
  if (!description.ok()) return FromAbsl(description.status());
  *response.mutable_config() = (*description)->config;
  return grpc::Status::OK;
}

// As Triton does: no name asks for all of them. One that no server has described yet is told too.
grpc::Status InferenceCalls::ModelStatistics(const inference::ModelStatisticsRequest& request,
                                             inference::ModelStatisticsResponse& response) const {
  for (const auto& model : parts_.codec.models().all()) {
    const std::string& name = model->settings().name;
    if (!request.name().empty() && request.name() != name) continue;
    if (!request.version().empty()) {
      if (auto status = model->CheckVersion(request.version()); !status.ok()) return FromAbsl(status);
    }
    Describe(*model, parts_.models.Find(name)->statistics.Look(), parts_.clock.Now(), *response.add_model_stats());
  }
  if (response.model_stats_size() > 0) return grpc::Status::OK;
  return FromAbsl(parts_.codec.models().Find(request.name(), request.version()).status());
}

grpc::Status InferenceCalls::RepositoryIndex(const inference::RepositoryIndexRequest& request,
                                             inference::RepositoryIndexResponse& response) const {
  for (const auto& model : parts_.codec.models().all()) {
    const bool ready = IsReady(*model);
    if (request.ready() && !ready) continue;
    auto& told = *response.add_models();
    told.set_name(model->settings().name);
    told.set_version(NewestVersion(*model));
    told.set_state(ready ? "READY" : "UNAVAILABLE");
    if (const auto description = model->description(); !description.ok()) {
      told.set_reason(std::string(description.status().message()));
    }
  }
  return grpc::Status::OK;
}

}  // namespace smartbatch::transport
