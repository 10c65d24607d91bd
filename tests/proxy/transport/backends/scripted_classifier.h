// A backend in the test's own process.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/server_context.h>
#include <gtest/gtest.h>

#include "common/time.h"
#include "services/rpc/listener.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"

namespace smartbatch::testing {

// A backend that does what the first text of the batch says.
class ScriptedClassifier final : public classifier::v1::ClassifierService::Service {
 public:
  explicit ScriptedClassifier(const std::string& address = "127.0.0.1:0") : listener_(address) {
    listener_.Add(*this, classifier::v1::ClassifierService::service_full_name());
    EXPECT_TRUE(listener_.Start().ok());
  }
  ~ScriptedClassifier() override { listener_.ShutDown(); }

  const std::string& address() const { return listener_.address(); }
  // The metadata of the last call that the proxy passes on.
  std::vector<std::string> metadata() const { return metadata_; }
  // The time until the deadline of the last call, when it came.
  Duration last_time_left() const { return last_time_left_; }
  int calls() const { return calls_; }
  // Answers the hanging calls.
  void LetGo() { let_go_ = true; }
  // Sets what its health check says from now on.
  void SetServing(bool serving) { listener_.health().SetServing("", serving); }

  grpc::Status Classify(grpc::ServerContext* context, const classifier::v1::ClassifyRequest* request,
                        classifier::v1::ClassifyResponse* response) override {
    last_time_left_ = std::chrono::duration_cast<Duration>(context->deadline() - std::chrono::system_clock::now());
    ++calls_;
    for (const char* const key : {"x-request-id", "traceparent"}) {
      const auto [first, last] = context->client_metadata().equal_range(key);
      for (auto value = first; value != last; ++value) {
        metadata_.push_back(std::string(key) + ": " + std::string(value->second.data(), value->second.size()));
      }
    }
    if (request->sequences(0) == "fail") return {grpc::StatusCode::DATA_LOSS, "as asked"};
    while (request->sequences(0) == "hang" && !let_go_ && !context->IsCancelled())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    for (const std::string& text : request->sequences()) {
      auto& result = *response->add_results();
      result.set_label("label of " + text);
      result.set_confidence(0.5);
    }
    return grpc::Status::OK;
  }

 private:
  std::vector<std::string> metadata_;
  std::atomic<Duration> last_time_left_{};
  std::atomic<int> calls_ = 0;
  std::atomic<bool> let_go_ = false;
  rpc::Listener listener_;
};

}  // namespace smartbatch::testing
