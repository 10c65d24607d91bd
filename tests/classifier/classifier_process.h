// A running classifier, and a client of it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "smartbatch/classifier/v1/classifier.grpc.pb.h"
#include "tests/support/process.h"

namespace smartbatch::classifier {

// The series of /metrics that counts the slots that run a batch.
inline constexpr char kBusySlots[] = "smartbatch_classifier_busy_slots";

// The real program on free ports of loopback, with the given flags added.
class ClassifierProcess {
 public:
  explicit ClassifierProcess(const std::vector<std::string>& flags = {});

  struct Answer {
    grpc::Status status;
    v1::ClassifyResponse response;
    std::chrono::nanoseconds took{};
  };
  // Calls Classify and waits. With `context` the caller can set a deadline or cancel.
  Answer Classify(const std::vector<std::string>& sequences, grpc::ClientContext* context = nullptr);
  // The same with these bytes as the request; returns the status.
  grpc::Status ClassifyBytes(const std::string& bytes);
  // The text of /metrics.
  std::string Metrics();
  // The value of a series of /metrics such as `name{label="value"}`; nothing if it is not there.
  std::optional<double> Metric(const std::string& series);
  // Waits until a series has the value; returns false after 10 s.
  bool WaitForMetric(const std::string& series, double value);

  testing::Process& process() { return process_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const std::string& metrics_address() const { return metrics_address_; }

 private:
  testing::Process process_;
  std::string metrics_address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ClassifierService::Stub> stub_;
};

}  // namespace smartbatch::classifier
