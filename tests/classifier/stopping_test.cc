// How the classifier stops.
#include <chrono>
#include <csignal>
#include <future>
#include <string>

#include <gtest/gtest.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "services/rpc/status_details.h"
#include "tests/classifier/classifier_process.h"

namespace smartbatch::classifier {
namespace {

using std::chrono::milliseconds;

// A classifier with a call that is in its slot.
struct BusyClassifier {
  explicit BusyClassifier(const std::vector<std::string>& flags) : classifier(flags) {
    call = std::async(std::launch::async, [this] { return classifier.Classify({"def x"}).status; });
    EXPECT_TRUE(classifier.WaitForMetric(kBusySlots, 1));
  }
  ClassifierProcess classifier;
  std::future<grpc::Status> call;
};

grpc::health::v1::HealthCheckResponse::ServingStatus Health(ClassifierProcess& classifier) {
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckResponse response;
  const auto status = grpc::health::v1::Health::NewStub(classifier.channel())->Check(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << rpc::Describe(status);
  return response.status();
}

// Makes a new call once the classifier has noticed the signal.
grpc::Status CallAfterTheSignal(ClassifierProcess& classifier) {
  while (Health(classifier) == grpc::health::v1::HealthCheckResponse::SERVING) {
  }
  return classifier.Classify({"late"}).status;
}

TEST(Stopping, EndsAtOnceIfNothingRuns) {
  for (const int signal : {SIGTERM, SIGINT}) {
    ClassifierProcess classifier;
    classifier.process().Signal(signal);
    EXPECT_EQ(classifier.process().Wait(), 0);
  }
}

TEST(Stopping, FinishesTheBatchThatRunsAndRefusesNewCalls) {
  BusyClassifier busy({"--cost-fixed", "2"});
  busy.classifier.process().Signal(SIGTERM);
  const auto refused = CallAfterTheSignal(busy.classifier);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(rpc::RetryAfter(refused));
  EXPECT_EQ(Health(busy.classifier), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_TRUE(busy.call.get().ok());
  EXPECT_EQ(busy.classifier.process().Wait(), 0);
}

TEST(Stopping, EndsTheBatchesThatOutliveTheDrain) {
  BusyClassifier busy({"--fault-hang-rate", "1", "--drain-seconds", "0.2"});
  busy.classifier.process().Signal(SIGTERM);
  EXPECT_EQ(busy.call.get().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(busy.classifier.process().Wait(), 0);
}

TEST(Stopping, EndsAtOnceAtTheSecondSignal) {
  BusyClassifier busy({"--fault-hang-rate", "1", "--drain-seconds", "3600"});
  busy.classifier.process().Signal(SIGTERM);
  EXPECT_EQ(CallAfterTheSignal(busy.classifier).error_code(), grpc::StatusCode::UNAVAILABLE);
  busy.classifier.process().Signal(SIGTERM);
  EXPECT_EQ(busy.call.get().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(busy.classifier.process().Wait(), 0);
}

TEST(Stopping, TellsAWatchOfItsHealthAndDoesNotWaitForItToEnd) {
  BusyClassifier busy({"--fault-hang-rate", "1", "--drain-seconds", "3600"});
  grpc::ClientContext context;
  const auto watch = grpc::health::v1::Health::NewStub(busy.classifier.channel())->Watch(&context, {});
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  busy.classifier.process().Signal(SIGTERM);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  busy.classifier.process().Signal(SIGTERM);
  EXPECT_EQ(busy.classifier.process().Wait(), 0);
}

}  // namespace
}  // namespace smartbatch::classifier
