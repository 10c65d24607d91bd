// A server that answers calls as the test says, and channels to it.
#pragma once

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_context.h>
#include <gtest/gtest.h>

#include "services/rpc/listener.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"

namespace smartbatch::testing {

class AskedServer final : public classifier::v1::ClassifierService::Service {
 public:
  using Answer = std::function<grpc::Status(const grpc::ServerContext& context)>;

  explicit AskedServer(Answer answer, rpc::ListenerOptions options = {})
      : answer_(std::move(answer)), listener_("127.0.0.1:0", std::move(options)) {
    listener_.Add(*this, classifier::v1::ClassifierService::service_full_name());
    EXPECT_TRUE(listener_.Start().ok());
  }
  ~AskedServer() override { listener_.ShutDown(); }

  const std::string& address() const { return listener_.address(); }

  grpc::Status Classify(grpc::ServerContext* context, const classifier::v1::ClassifyRequest*,
                        classifier::v1::ClassifyResponse*) override {
    return answer_(*context);
  }

 private:
  const Answer answer_;
  rpc::Listener listener_;
};

// A connection of its own.
inline std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address,
                                                std::shared_ptr<grpc::ChannelCredentials> credentials,
                                                const std::string& name = "", grpc::ChannelArguments arguments = {}) {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!name.empty()) arguments.SetSslTargetNameOverride(name);
  return grpc::CreateCustomChannel(address, std::move(credentials), arguments);
}

// The status of one call.
inline grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel,
                        const std::multimap<std::string, std::string>& metadata = {},
                        std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
  classifier::v1::ClassifyResponse response;
  return classifier::v1::ClassifierService::NewStub(channel)->Classify(&context, {}, &response);
}

// Writes a file of the test's own and returns its path; replaces the file as a whole if it exists.
inline std::string WriteTestFile(const std::string& folder, const std::string& name, const std::string& text) {
  const std::string path = folder + "asked-" + std::to_string(getpid()) + "-" + name;
  std::ofstream(path + ".new") << text;
  std::rename((path + ".new").c_str(), path.c_str());
  return path;
}

}  // namespace smartbatch::testing
