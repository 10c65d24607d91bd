// A classifier that keeps a result back.
#pragma once

#include <memory>
#include <string>

#include <grpcpp/server.h>

#include "smartbatch/classifier/v1/classifier.grpc.pb.h"

namespace smartbatch::testing {

// Serves on a free port of 127.0.0.1 for as long as it lives, and answers one result too few to every batch. Throws
// std::runtime_error where it cannot listen.
class LyingClassifier final : public classifier::v1::ClassifierService::Service {
 public:
  LyingClassifier();
  ~LyingClassifier() override;

  const std::string& address() const { return address_; }

  grpc::Status Classify(grpc::ServerContext* context, const classifier::v1::ClassifyRequest* request,
                        classifier::v1::ClassifyResponse* response) override;

 private:
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace smartbatch::testing
