#include "tests/classifier/classifier_process.h"

#include <sstream>
#include <stdexcept>
#include <thread>

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

namespace smartbatch::classifier {
namespace {

std::vector<std::string> WithFreePorts(const std::vector<std::string>& flags) {
  std::vector<std::string> all = {"--listen",    "127.0.0.1:0", "--metrics-listen",
                                  "127.0.0.1:0", "--log-level", "warning"};
  all.insert(all.end(), flags.begin(), flags.end());
  return all;
}

// Channels with the same arguments share a connection; tests need connections of their own.
std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

ClassifierProcess::ClassifierProcess(const std::vector<std::string>& flags)
    : process_("smartbatch-classifier", WithFreePorts(flags)) {
  const auto ready = process_.WaitUntilReady();
  if (!ready) throw std::runtime_error("the classifier did not start");
  metrics_address_ = ready->at("metrics");
  channel_ = NewChannel(ready->at("listen"));
  stub_ = v1::ClassifierService::NewStub(channel_);
}

ClassifierProcess::Answer ClassifierProcess::Classify(const std::vector<std::string>& sequences,
                                                      grpc::ClientContext* context) {
  grpc::ClientContext own_context;
  if (context == nullptr) context = &own_context;
  v1::ClassifyRequest request;
  for (const std::string& text : sequences) request.add_sequences(text);
  Answer answer;
  const auto start = std::chrono::steady_clock::now();
  answer.status = stub_->Classify(context, request, &answer.response);
  answer.took = std::chrono::steady_clock::now() - start;
  return answer;
}

grpc::Status ClassifierProcess::ClassifyBytes(const std::string& bytes) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  const auto call =
      stub.PrepareUnaryCall(&context, "/smartbatch.classifier.v1.ClassifierService/Classify", request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, this);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return status;
}

std::string ClassifierProcess::Metrics() {
  return testing::RunToEnd("/usr/bin/curl", {"--silent", "http://" + metrics_address_ + "/metrics"}).standard_output;
}

std::optional<double> ClassifierProcess::Metric(const std::string& series) {
  std::istringstream lines(Metrics());
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(series + " ", 0) == 0) return std::stod(line.substr(series.size() + 1));
  }
  return std::nullopt;
}

bool ClassifierProcess::WaitForMetric(const std::string& series, double value) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (Metric(series) != value) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace smartbatch::classifier
