#include "tests/reliability/lying_classifier.h"

#include <chrono>
#include <stdexcept>

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

namespace smartbatch::testing {

LyingClassifier::LyingClassifier() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) throw std::runtime_error("the lying classifier cannot listen");
  address_ = "127.0.0.1:" + std::to_string(port);
}

LyingClassifier::~LyingClassifier() { server_->Shutdown(std::chrono::system_clock::now()); }

grpc::Status LyingClassifier::Classify(grpc::ServerContext*, const classifier::v1::ClassifyRequest* request,
                                       classifier::v1::ClassifyResponse* response) {
  for (int i = 1; i < request->sequences_size(); ++i) {
    response->add_results()->set_label("a lie");
    response->mutable_results(i - 1)->set_confidence(1);
  }
  return grpc::Status::OK;
}

}  // namespace smartbatch::testing
