// What the classifier answers and how long it takes.
#include <algorithm>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "services/rpc/status_details.h"
#include "tests/classifier/classifier_process.h"

namespace smartbatch::classifier {
namespace {

using std::chrono::milliseconds;

constexpr char kWaitingBatches[] = "smartbatch_classifier_waiting_batches";

TEST(Serving, AnswersEverySequenceInOrder) {
  ClassifierProcess classifier;
  const auto answer = classifier.Classify({"def foo(): pass", "hello world", "{;}", "one more", "class A:"});
  ASSERT_TRUE(answer.status.ok()) << rpc::Describe(answer.status);
  std::vector<std::string> labels;
  for (const auto& result : answer.response.results()) labels.push_back(result.label());
  EXPECT_EQ(labels, (std::vector<std::string>{"code", "not code", "code", "not code", "code"}));
  EXPECT_DOUBLE_EQ(answer.response.results(2).confidence(), 0.9375);
}

TEST(Serving, TakesTheSquareOfTheLongestSequence) {
  ClassifierProcess classifier;
  classifier.Classify({"connect"});
  std::vector<std::chrono::nanoseconds> times;
  for (int i = 0; i < 3; ++i) times.push_back(classifier.Classify({std::string(571, 'x'), "short"}).took);
  const auto fastest = *std::min_element(times.begin(), times.end());
  EXPECT_GE(fastest, milliseconds(326));  // 571^2 / 1e6 = 0.326041 s; never less
  EXPECT_LT(fastest, milliseconds(400));  // of three, on a machine that may be busy
}

TEST(Serving, CountsTheLengthInCodePoints) {
  ClassifierProcess classifier({"--cost-quadratic", "0.01"});
  classifier.Classify({"."});
  const auto answer = classifier.Classify({"\xF0\x9F\x98\x80\xF0\x9F\x98\x80"});  // 2 characters, 8 bytes
  EXPECT_GE(answer.took, milliseconds(40));
  EXPECT_LT(answer.took, milliseconds(600));  // 640 ms if it counted bytes
}

TEST(Serving, AddsTheOtherTermsOfTheModel) {
  ClassifierProcess classifier({"--cost-quadratic", "0", "--cost-fixed", "0.05", "--cost-per-sequence", "0.02",
                                "--cost-per-character", "0.005"});
  EXPECT_GE(classifier.Classify({"a", "bb"}).took, milliseconds(110));  // 50 + 2 * 20 + 2 * 2 * 5
}

TEST(Serving, AnswersAtOnceIfEveryTermIsZero) {
  ClassifierProcess classifier({"--cost-quadratic", "0"});
  classifier.Classify({"connect"});
  EXPECT_LT(classifier.Classify({std::string(5000, 'x')}).took, milliseconds(10'000));  // 25 s with the default
}

TEST(Serving, RunsOneBatchAtATimeByDefault) {
  ClassifierProcess classifier({"--cost-quadratic", "0", "--cost-fixed", "0.05"});
  classifier.Classify({"connect"});
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::future<grpc::Status>> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(std::async(std::launch::async, [&] { return classifier.Classify({"x"}).status; }));
  }
  for (auto& call : calls) EXPECT_TRUE(call.get().ok());
  EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds(200));
}

TEST(Serving, RunsAsManyBatchesAtOnceAsItHasSlots) {
  ClassifierProcess classifier({"--slots", "3", "--fault-hang-rate", "1"});
  std::vector<grpc::ClientContext> contexts(4);
  std::vector<std::future<grpc::Status>> calls;
  for (auto& context : contexts) {
    calls.push_back(std::async(std::launch::async, [&] { return classifier.Classify({"x"}, &context).status; }));
  }
  EXPECT_TRUE(classifier.WaitForMetric(kBusySlots, 3));
  EXPECT_TRUE(classifier.WaitForMetric(kWaitingBatches, 1));
  for (auto& context : contexts) context.TryCancel();
  for (auto& call : calls) EXPECT_EQ(call.get().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(Serving, FreesTheSlotOfACallerThatCancels) {
  ClassifierProcess classifier({"--fault-hang-rate", "1"});
  grpc::ClientContext context;
  auto call = std::async(std::launch::async, [&] { return classifier.Classify({"x"}, &context).status; });
  ASSERT_TRUE(classifier.WaitForMetric(kBusySlots, 1));
  context.TryCancel();
  EXPECT_EQ(call.get().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(classifier.WaitForMetric(kBusySlots, 0));
  EXPECT_EQ(classifier.Metric(R"(smartbatch_classifier_requests_total{code="CANCELLED"})"), 1);
}

TEST(Serving, FreesTheSlotOfACallWhoseDeadlinePasses) {
  ClassifierProcess classifier({"--fault-hang-rate", "1"});
  classifier.channel()->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(300));
  EXPECT_EQ(classifier.Classify({"x"}, &context).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(classifier.WaitForMetric("smartbatch_classifier_batch_duration_seconds_count", 1));
  EXPECT_TRUE(classifier.WaitForMetric(kBusySlots, 0));
}

TEST(Serving, LetsACallerThatWaitsLeaveTheQueue) {
  ClassifierProcess classifier({"--fault-hang-rate", "1"});
  grpc::ClientContext first_context;
  auto first = std::async(std::launch::async, [&] { return classifier.Classify({"x"}, &first_context).status; });
  ASSERT_TRUE(classifier.WaitForMetric(kBusySlots, 1));
  grpc::ClientContext second_context;
  second_context.set_deadline(std::chrono::system_clock::now() + milliseconds(100));
  EXPECT_EQ(classifier.Classify({"x"}, &second_context).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(classifier.WaitForMetric(kWaitingBatches, 0));
  EXPECT_EQ(classifier.Metric(kBusySlots), 1);
  first_context.TryCancel();
  EXPECT_EQ(first.get().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(classifier.WaitForMetric(kBusySlots, 0));
}

TEST(Serving, FailsEveryBatchThatHoldsThePoison) {
  ClassifierProcess classifier({"--fault-poison", "arsenic"});
  const auto poisoned = classifier.Classify({"fine", "some arsenic"}).status;
  EXPECT_EQ(poisoned.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_NE(rpc::Describe(poisoned).find("INJECTED_FAULT"), std::string::npos);
  EXPECT_TRUE(classifier.Classify({"fine"}).status.ok());
}

TEST(Serving, MakesSlowBatchesSlowerByTheirFactor) {
  ClassifierProcess classifier(
      {"--cost-quadratic", "0", "--cost-fixed", "0.01", "--fault-slow-rate", "1", "--fault-slow-factor", "15"});
  EXPECT_GE(classifier.Classify({"x"}).took, milliseconds(150));
}

}  // namespace
}  // namespace smartbatch::classifier
