// A server of the Open Inference Protocol in the test's own process, with one model that lies when it is told to.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/mutex.h"
#include "inference/open_inference.grpc.pb.h"
#include "services/rpc/listener.h"

namespace smartbatch::testing {

using Ids = std::vector<std::int64_t>;

// The ids that make a batch go wrong.
enum Trouble : std::int64_t {
  kError = 666,        // the call fails
  kTooFewRows = 667,   // one row is missing
  kOtherType = 668,    // the output has another datatype
  kOtherLength = 669,  // the output is a step shorter
  kCutContents = 670,  // the output's contents are cut
  kNoOutput = 671,     // the answer is empty
  kHang = 672,         // nothing is answered until LetGo
};

// The model `m`: one input `ids`, INT64 [-1,-1]; one output `squares` of the same shape. Throws std::runtime_error if
// it cannot listen.
class ScriptedModel final : public inference::GRPCInferenceService::Service {
 public:
  explicit ScriptedModel(const std::string& address = "127.0.0.1:0") : listener_(address) {
    listener_.Add(*this, inference::GRPCInferenceService::service_full_name());
    if (!listener_.Start().ok()) throw std::runtime_error("the scripted model cannot listen");
  }
  ~ScriptedModel() override {
    LetGo();
    listener_.ShutDown();
  }

  const std::string& address() const { return listener_.address(); }
  void LetGo() { let_go_ = true; }
  // Every batch goes wrong in this way from now on.
  void AlwaysHave(Trouble trouble) { always_ = trouble; }
  // How long a batch takes from now on.
  void Take(std::chrono::milliseconds time) { takes_ = time; }
  void SetConfig(const inference::ModelConfig& config) {
    const MutexLock lock(mutex_);
    config_ = config;
  }
  void SetVersions(const std::vector<std::string>& versions) {
    const MutexLock lock(mutex_);
    versions_ = versions;
  }
  void SetReady(bool ready) { ready_ = ready; }
  // Whether it says that it is ready while a batch runs. A server that computes on the thread that answers all calls,
  // such as one in Python, says nothing until the batch has ended, but still takes connections.
  void SetAnswersWhileItComputes(bool answers) { answers_while_it_computes_ = answers; }
  // Whether it has the model, as far as it says.
  void SetKnown(bool known) { known_ = known; }
  // The batches that came, up to kMostKept.
  std::vector<inference::ModelInferRequest> batches() {
    const MutexLock lock(mutex_);
    return batches_;
  }

  grpc::Status ModelReady(grpc::ServerContext* context, const inference::ModelReadyRequest*,
                          inference::ModelReadyResponse* response) override {
    while (!answers_while_it_computes_ && computing_ > 0 && !context->IsCancelled()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    response->set_ready(ready_);
    return grpc::Status::OK;
  }
  grpc::Status ModelMetadata(grpc::ServerContext*, const inference::ModelMetadataRequest* request,
                             inference::ModelMetadataResponse* response) override {
    if (!known_) return {grpc::StatusCode::NOT_FOUND, "Request for unknown model: 'm' is not found"};
    response->set_name(request->name());
    {
      const MutexLock lock(mutex_);
      for (const std::string& version : versions_) response->add_versions(version);
    }
    const auto describe = [](auto& tensor, const std::string& name) {
      tensor.set_name(name);
      tensor.set_datatype("INT64");
      tensor.add_shape(-1);
      tensor.add_shape(-1);
    };
    describe(*response->add_inputs(), "ids");
    describe(*response->add_outputs(), "squares");
    return grpc::Status::OK;
  }
  grpc::Status ModelConfig(grpc::ServerContext*, const inference::ModelConfigRequest*,
                           inference::ModelConfigResponse* response) override {
    const MutexLock lock(mutex_);
    *response->mutable_config() = config_;
    return grpc::Status::OK;
  }
  grpc::Status ModelInfer(grpc::ServerContext* context, const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    {
      const MutexLock lock(mutex_);
      if (batches_.size() < kMostKept) batches_.push_back(*request);
    }
    Ids ids(request->raw_input_contents(0).size() / sizeof(std::int64_t));
    std::memcpy(ids.data(), request->raw_input_contents(0).data(), ids.size() * sizeof(std::int64_t));
    ++computing_;
    std::this_thread::sleep_for(takes_.load());
    --computing_;
    const auto asks_for = [&ids, this](Trouble trouble) {
      return always_ == trouble || std::find(ids.begin(), ids.end(), trouble) != ids.end();
    };
    if (asks_for(kError)) return {grpc::StatusCode::INTERNAL, "the number of the beast"};
    while (asks_for(kHang) && !let_go_ && !context->IsCancelled()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    response->set_model_name(request->model_name());
    response->set_model_version("1");
    if (asks_for(kNoOutput)) return grpc::Status::OK;
    auto& output = *response->add_outputs();
    output.set_name("squares");
    output.set_datatype(asks_for(kOtherType) ? "UINT64" : "INT64");
    std::int64_t rows = request->inputs(0).shape(0);
    std::int64_t length = request->inputs(0).shape(1);
    if (asks_for(kTooFewRows)) --rows;
    if (asks_for(kOtherLength)) --length;
    output.add_shape(rows);
    output.add_shape(length);
    const bool cuts = asks_for(kCutContents);
    for (std::int64_t& id : ids) id *= id;
    ids.resize(static_cast<std::size_t>(rows * length));
    std::string& raw = *response->add_raw_output_contents();
    raw.resize(ids.size() * sizeof(std::int64_t));
    std::memcpy(raw.data(), ids.data(), raw.size());
    if (cuts) raw.pop_back();
    return grpc::Status::OK;
  }

 private:
  static constexpr std::size_t kMostKept = 10'000;

  rpc::Listener listener_;
  std::atomic<bool> let_go_ = false;
  std::atomic<bool> ready_ = true;
  std::atomic<bool> known_ = true;
  std::atomic<bool> answers_while_it_computes_ = true;
  std::atomic<int> computing_ = 0;
  std::atomic<std::int64_t> always_ = 0;
  std::atomic<std::chrono::milliseconds> takes_{};
  Mutex mutex_;
  inference::ModelConfig config_ SMARTBATCH_GUARDED_BY(mutex_) = [] {
    inference::ModelConfig config;
    config.set_max_batch_size(8);
    return config;
  }();
  std::vector<std::string> versions_ SMARTBATCH_GUARDED_BY(mutex_) = {"1"};
  std::vector<inference::ModelInferRequest> batches_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::testing
