// What the classifier refuses, and what it says then.
#include <future>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "services/rpc/status_details.h"
#include "tests/classifier/classifier_process.h"

namespace smartbatch::classifier {
namespace {

using ::testing::HasSubstr;

std::string FieldAtFault(const grpc::Status& status) {
  const auto details = rpc::Details(status);
  google::rpc::BadRequest bad_request;
  if (!details || details->details_size() != 1 || !details->details(0).UnpackTo(&bad_request)) return "(no BadRequest)";
  return bad_request.field_violations(0).field();
}

void ExpectRefused(const grpc::Status& status, const std::string& field, const std::string& words) {
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(FieldAtFault(status), field);
  EXPECT_THAT(status.error_message(), HasSubstr(words));
}

TEST(Refusals, NameTheFieldTheValueAndTheRange) {
  ClassifierProcess classifier({"--max-batch-size", "3", "--max-sequence-length", "10"});
  ExpectRefused(classifier.Classify({}).status, "sequences", "0 sequences; 1 to 3 are allowed");
  ExpectRefused(classifier.Classify({"a", "b", "c", "d"}).status, "sequences", "4 sequences; 1 to 3 are allowed");
  ExpectRefused(classifier.Classify({"a", "b", ""}).status, "sequences[2]", "the text is empty");
  ExpectRefused(classifier.Classify({"a", "12345678901"}).status, "sequences[1]", "11 characters; 1 to 10");
  EXPECT_TRUE(classifier.Classify({"a", "b", "1234567890"}).status.ok());
  EXPECT_EQ(classifier.Metric(R"(smartbatch_classifier_requests_total{code="INVALID_ARGUMENT"})"), 4);
}

TEST(Refusals, NameTheSequenceThatIsNotValidUtf8) {
  ClassifierProcess classifier;
  ExpectRefused(classifier.ClassifyBytes("\x0A\x02ok\x0A\x02\xC3("), "sequences[1]", "not valid UTF-8");
}

TEST(Refusals, SayThatTheBytesAreNotARequest) {
  ClassifierProcess classifier;
  ExpectRefused(classifier.ClassifyBytes("\x0A\x7F"
                                         "cut"),
                "(message)", "not a smartbatch.classifier.v1.ClassifyRequest");
}

TEST(Refusals, TellACallerBeyondTheQueuesLimitToComeBack) {
  ClassifierProcess classifier({"--fault-hang-rate", "1", "--max-waiting", "0", "--cost-fixed", "0.25"});
  grpc::ClientContext context;
  auto running = std::async(std::launch::async, [&] { return classifier.Classify({"x"}, &context).status; });
  ASSERT_TRUE(classifier.WaitForMetric("smartbatch_classifier_busy_slots", 1));
  const auto refused = classifier.Classify({"x"}).status;
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_GE(rpc::RetryAfter(refused).value_or(Duration::zero()), std::chrono::milliseconds(250));
  context.TryCancel();
  EXPECT_EQ(running.get().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace smartbatch::classifier
