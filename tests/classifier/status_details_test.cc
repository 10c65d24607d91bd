#include "services/rpc/status_details.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"

namespace smartbatch::rpc {
namespace {

using ::testing::HasSubstr;

template <class Detail>
Detail DetailAt(const grpc::Status& status, int index) {
  const auto envelope = Details(status);
  Detail detail;
  EXPECT_TRUE(envelope && index < envelope->details_size() && envelope->details(index).UnpackTo(&detail));
  return detail;
}

TEST(StatusDetails, NameEveryFieldAtFault) {
  const auto status = InvalidArgument({{"sequences[0]", "is empty"}, {"sequences[2]", "is too long"}});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "sequences[0]: is empty (and 1 more)");
  const auto bad_request = DetailAt<google::rpc::BadRequest>(status, 0);
  ASSERT_EQ(bad_request.field_violations_size(), 2);
  EXPECT_EQ(bad_request.field_violations(1).field(), "sequences[2]");
  EXPECT_EQ(bad_request.field_violations(1).description(), "is too long");
  EXPECT_EQ(Describe(status), "INVALID_ARGUMENT: sequences[0]: is empty (and 1 more); sequences[2]: is too long");
}

TEST(StatusDetails, StayBelowTheHeaderLimitOfClientsWhateverIsWrong) {
  const std::string long_text(100'000, 'x');
  const auto status = InvalidArgument(std::vector<FieldViolation>(5000, {"sequences[0]", long_text}));
  // Base64 turns 3 bytes into 4; a client accepts 8 KiB of headers.
  EXPECT_LT(status.error_details().size() * 4 / 3 + status.error_message().size(), 7000U);
  EXPECT_THAT(status.error_message(), HasSubstr("(and 4999 more)"));
}

TEST(StatusDetails, CutDescriptionsBetweenCharacters) {
  std::string text = "x";
  for (int i = 0; i < 200; ++i) text += "\xE2\x82\xAC";  // three bytes each
  const auto bad_request = DetailAt<google::rpc::BadRequest>(InvalidArgument("field", text), 0);
  const std::string& cut = bad_request.field_violations(0).description();
  EXPECT_EQ(cut.size() % 3, 1U);  // x, whole characters, three dots
  EXPECT_LT(cut.size(), 250U);
}

TEST(StatusDetails, TellWhenToComeBack) {
  const auto exhausted = ResourceExhausted("queue", "1000 requests wait", std::chrono::milliseconds(1500));
  EXPECT_EQ(exhausted.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(DetailAt<google::rpc::QuotaFailure>(exhausted, 0).violations(0).subject(), "queue");
  EXPECT_EQ(RetryAfter(exhausted), std::chrono::milliseconds(1500));
  EXPECT_EQ(Describe(exhausted), "RESOURCE_EXHAUSTED: 1000 requests wait [limit queue] [retry after 1.500s]");
  EXPECT_EQ(RetryAfter(Unavailable("stopping", std::chrono::seconds(2))), std::chrono::seconds(2));
}

TEST(StatusDetails, GiveTheReason) {
  const auto status =
      WithReason(grpc::StatusCode::ABORTED, "other generation", "GENERATION_MISMATCH", {{"current", "3"}});
  const auto info = DetailAt<google::rpc::ErrorInfo>(status, 0);
  EXPECT_EQ(info.reason(), "GENERATION_MISMATCH");
  EXPECT_EQ(info.domain(), kErrorDomain);
  EXPECT_EQ(info.metadata().at("current"), "3");
}

TEST(StatusDetails, CanBeReadWhateverBytesTheMessageHas) {
  const grpc::Status status = WithReason(grpc::StatusCode::INTERNAL, "bad \xFF\xC3", "BACKEND_FAILED");
  EXPECT_EQ(status.error_message(), "bad ??");
  ASSERT_TRUE(Details(status));
  EXPECT_EQ(Details(status)->message(), "bad ??");
  const grpc::Status euro = WithReason(grpc::StatusCode::INTERNAL, "5 \xE2\x82\xAC", "BACKEND_FAILED");
  EXPECT_EQ(euro.error_message(), "5 \xE2\x82\xAC");
}

TEST(StatusDetails, FitIntoTheHeadersThatClientsTake) {
  const std::string text(100'000, 'x');
  for (const grpc::Status& status :
       {WithReason(grpc::StatusCode::INTERNAL, text, "BACKEND_FAILED"), Unavailable(text, {}),
        InvalidArgument("parameters[" + text + "]", text), ResourceExhausted("queue", text, Duration::zero())}) {
    EXPECT_LT(status.error_message().size() + status.error_details().size(), 4096U) << CodeName(status.error_code());
  }
}

TEST(StatusDetails, AreNothingIfThereAreNoneOrTheyAreGarbage) {
  EXPECT_FALSE(Details(grpc::Status::OK));
  const grpc::Status garbage(grpc::StatusCode::INTERNAL, "two\nlines", "\xFF\xFF\xFF");
  EXPECT_FALSE(Details(garbage));
  EXPECT_FALSE(RetryAfter(garbage));
  EXPECT_EQ(Describe(garbage), "INTERNAL: two lines");
}

TEST(StatusDetails, NameCodesAsTheSpecificationDoes) {
  EXPECT_EQ(CodeName(grpc::StatusCode::OK), "OK");
  EXPECT_EQ(CodeName(grpc::StatusCode::DEADLINE_EXCEEDED), "DEADLINE_EXCEEDED");
  EXPECT_EQ(CodeName(grpc::StatusCode::UNAUTHENTICATED), "UNAUTHENTICATED");
  EXPECT_EQ(CodeName(99), "CODE_99");
}

}  // namespace
}  // namespace smartbatch::rpc
