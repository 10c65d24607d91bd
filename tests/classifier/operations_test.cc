// What operators see of the classifier: flags, health, reflection, metrics.
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "services/rpc/status_details.h"
#include "tests/classifier/classifier_process.h"

namespace smartbatch::classifier {
namespace {

using ::testing::HasSubstr;

// Sends the bytes of one ServerReflectionRequest and returns those of the response.
std::string AskReflection(ClassifierProcess& classifier, const std::string& request_bytes) {
  grpc::GenericStub stub(classifier.channel());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto stream =
      stub.PrepareCall(&context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  stream->StartCall(&queue);
  EXPECT_TRUE(wait());
  const grpc::Slice request_slice(request_bytes);
  stream->Write(grpc::ByteBuffer(&request_slice, 1), &queue);
  EXPECT_TRUE(wait());
  grpc::ByteBuffer response;
  stream->Read(&response, &queue);
  EXPECT_TRUE(wait());
  grpc::Status status;
  context.TryCancel();
  stream->Finish(&status, &queue);
  wait();
  grpc::Slice response_slice;
  EXPECT_TRUE(response.DumpToSingleSlice(&response_slice).ok());
  return {response_slice.begin(), response_slice.end()};
}

TEST(Operations, ReflectionListsTheServicesAndKnowsTheirMessages) {
  ClassifierProcess classifier;
  const std::string list_services("\x3A\x00", 2);  // field 7, empty
  const std::string services = AskReflection(classifier, list_services);
  EXPECT_THAT(services, HasSubstr("smartbatch.classifier.v1.ClassifierService"));
  EXPECT_THAT(services, HasSubstr("grpc.health.v1.Health"));
  const std::string health = "grpc.health.v1.Health";
  const std::string file_containing_symbol = std::string("\x22") + static_cast<char>(health.size()) + health;
  EXPECT_THAT(AskReflection(classifier, file_containing_symbol), HasSubstr("HealthCheckResponse"));
}

TEST(Operations, HealthIsServingOverallAndByService) {
  ClassifierProcess classifier;
  for (const char* const service : {"", "smartbatch.classifier.v1.ClassifierService"}) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    const auto status = grpc::health::v1::Health::NewStub(classifier.channel())->Check(&context, request, &response);
    ASSERT_TRUE(status.ok()) << rpc::Describe(status);
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING) << service;
  }
}

TEST(Operations, CountsWhatItAnswers) {
  ClassifierProcess classifier({"--cost-quadratic", "0", "--cost-fixed", "0.002"});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(classifier.Classify({"a", "b"}).status.ok());
  EXPECT_EQ(classifier.Metric(R"(smartbatch_classifier_requests_total{code="OK"})"), 3);
  EXPECT_EQ(classifier.Metric("smartbatch_classifier_batch_sequences_sum"), 6);
  EXPECT_EQ(classifier.Metric("smartbatch_classifier_batch_duration_seconds_count"), 3);
  EXPECT_GE(classifier.Metric("smartbatch_classifier_batch_duration_seconds_sum"), 0.006);
  EXPECT_EQ(classifier.Metric("smartbatch_classifier_busy_slots"), 0);
  EXPECT_EQ(classifier.Metric("smartbatch_classifier_slots"), 1);
}

TEST(Operations, ExportsTheProcessMetricsOfTheKernelsFigures) {
  ClassifierProcess classifier;
  EXPECT_GT(classifier.Metric("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(classifier.Metric("process_virtual_memory_bytes"), classifier.Metric("process_resident_memory_bytes"));
  EXPECT_GT(classifier.Metric("process_open_fds"), 3);
  EXPECT_GT(classifier.Metric("process_max_fds"), classifier.Metric("process_open_fds"));
  EXPECT_GE(classifier.Metric("process_cpu_seconds_total"), 0);
  const auto now = static_cast<double>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  EXPECT_NEAR(classifier.Metric("process_start_time_seconds").value_or(0), now, 60);
}

TEST(Operations, ExportsMetricsThatPromtoolFindsNoFaultWith) {
  ClassifierProcess classifier;
  EXPECT_TRUE(classifier.Classify({"x"}).status.ok());
  const auto checked = testing::RunToEnd("/bin/sh", {"-c", "curl --silent http://" + classifier.metrics_address() +
                                                               "/metrics | promtool check metrics 2>&1"});
  EXPECT_EQ(checked.exit_code, 0) << checked.standard_output;
  EXPECT_EQ(checked.standard_output, "");
}

TEST(Operations, RefusesWrongFlagsInOneLineThatNamesThem) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--slots", "0"}, "--slots: Value 0 not in range 1 to 1024"},
      {{"--cost-fixed", "nan"}, "--cost-fixed is nan"},
      {{"--fault-hang-rate", "2"}, "--fault-hang-rate is 2"},
      {{"--listen", "here"}, "'here' is not host:port"},
      {{"--engine", "oracle"}, "--engine: oracle not in {rules,minilm}"},
      {{"--engine", "minilm", "--cost-fixed", "1"}, "use --engine rules"},
  };
  for (const auto& [flags, words] : cases) {
    std::string command = std::string(SMARTBATCH_BIN_DIR) + "/smartbatch-classifier";
    for (const std::string& flag : flags) command += " " + flag;
    const auto finished = testing::RunToEnd("/bin/sh", {"-c", command + " 2>&1"});
    EXPECT_EQ(finished.exit_code, 2) << command;
    EXPECT_THAT(finished.standard_output, HasSubstr(words));
  }
}

TEST(Operations, RefusesAPortThatIsTaken) {
  ClassifierProcess classifier;
  const std::string taken = classifier.metrics_address();
  const std::string program = std::string(SMARTBATCH_BIN_DIR) + "/smartbatch-classifier";
  for (const std::string& flags :
       {"--listen " + taken + " --metrics-listen 127.0.0.1:0", "--listen 127.0.0.1:0 --metrics-listen " + taken}) {
    const auto finished = testing::RunToEnd("/bin/sh", {"-c", program + " " + flags + " 2>&1"});
    EXPECT_EQ(finished.exit_code, 1) << flags;
    EXPECT_THAT(finished.standard_output, HasSubstr(taken + ": the port is taken"));
  }
}

TEST(Operations, TakesFlagsFromTheEnvironment) {
  testing::Process process("smartbatch-classifier", {"--metrics-listen", "127.0.0.1:0"},
                           {{"SMARTBATCH_LISTEN", "127.0.0.1:0"}});
  const auto ready = process.WaitUntilReady();
  ASSERT_TRUE(ready);
  EXPECT_NE(ready->at("listen"), "127.0.0.1:50061");
}

}  // namespace
}  // namespace smartbatch::classifier
