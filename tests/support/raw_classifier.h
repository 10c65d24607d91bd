// A classifier whose replies are bytes that a test chooses.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>

#include "smartbatch/classifier/v1/classifier.grpc.pb.h"

namespace smartbatch::testing {

// The right answer: the label of a text is "right-" and the text, with this confidence.
inline classifier::v1::ClassifyResponse RightAnswerTo(const classifier::v1::ClassifyRequest& request,
                                                      double confidence = 1) {
  classifier::v1::ClassifyResponse response;
  for (const std::string& text : request.sequences()) {
    auto& result = *response.add_results();
    result.set_label("right-" + text);
    result.set_confidence(confidence);
  }
  return response;
}

// Serves on a free port of 127.0.0.1 for as long as it lives. Throws std::runtime_error if it cannot listen. It has no
// health service, unless another server in the process has enabled one for all servers.
class RawClassifier final : public classifier::v1::ClassifierService::WithRawCallbackMethod_Classify<
                                classifier::v1::ClassifierService::Service> {
 public:
  struct Reply {
    std::string message;  // what is sent as the serialized message
    grpc::Status status = grpc::Status::OK;
    std::map<std::string, std::string> initial_metadata = {};
    std::map<std::string, std::string> trailing_metadata = {};
  };
  // Called by several threads at once.
  using Answer = std::function<Reply(const classifier::v1::ClassifyRequest& request)>;

  explicit RawClassifier(Answer answer) : answer_(std::move(answer)) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw std::runtime_error("the raw classifier cannot listen");
    address_ = "127.0.0.1:" + std::to_string(port);
  }
  ~RawClassifier() override { server_->Shutdown(std::chrono::system_clock::now()); }

  const std::string& address() const { return address_; }

  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    classifier::v1::ClassifyRequest message;
    grpc::ByteBuffer copy = *request;
    grpc::SerializationTraits<classifier::v1::ClassifyRequest>::Deserialize(&copy, &message);
    // A call that was cancelled before its message came has none.
    const Reply reply =
        message.sequences().empty() ? Reply{.message = {}, .status = grpc::Status::CANCELLED} : answer_(message);
    for (const auto& [key, value] : reply.initial_metadata) context->AddInitialMetadata(key, value);
    for (const auto& [key, value] : reply.trailing_metadata) context->AddTrailingMetadata(key, value);
    const grpc::Slice bytes(reply.message);
    *response = grpc::ByteBuffer(&bytes, 1);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(reply.status);
    return reactor;
  }

 private:
  const Answer answer_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace smartbatch::testing
