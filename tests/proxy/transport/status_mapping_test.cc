#include "services/proxy/transport/status_mapping.h"

#include <string>

#include <gtest/gtest.h>

#include "services/proxy/runtime/answer_code.h"
#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

using scheduling::Outcome;
using scheduling::RejectReason;

// Every end that a request can have, with every code that a backend can fail with.
TEST(StatusMapping, AnswersTheCodeOfTheOneTableWhateverTheEnd) {
  for (int outcome = 0; outcome < scheduling::kOutcomes; ++outcome) {
    for (int code = 1; code <= 16; ++code) {
      runtime::Ending ending;
      ending.outcome = static_cast<Outcome>(outcome);
      if (ending.outcome == Outcome::kRejected) continue;
      ending.backend_status = absl::Status(static_cast<absl::StatusCode>(code), "the backend's reason");
      const grpc::Status told = StatusOf(ending);
      EXPECT_EQ(static_cast<int>(told.error_code()),
                static_cast<int>(runtime::CodeOf(ending.outcome, ending.backend_status)))
          << Name(ending.outcome) << ", " << rpc::CodeName(code);
      const auto details = rpc::Details(told);
      if (!details) continue;
      EXPECT_EQ(details->code(), static_cast<int>(told.error_code())) << Name(ending.outcome);
    }
  }
}

TEST(StatusMapping, AnswersTheCodeOfTheOneTableWhateverTheReasonToRefuse) {
  for (int reason = 0; reason < scheduling::kRejectReasons; ++reason) {
    runtime::Ending ending;
    ending.outcome = Outcome::kRejected;
    ending.rejection.reason = static_cast<RejectReason>(reason);
    for (const Duration retry_after : {Duration::zero(), Duration(std::chrono::seconds(1))}) {
      ending.rejection.retry_after = retry_after;
      EXPECT_EQ(static_cast<int>(StatusOf(ending).error_code()),
                static_cast<int>(runtime::CodeOf(ending.rejection.reason)))
          << Name(ending.rejection.reason);
    }
  }
}

TEST(StatusMapping, NamesTheBackendsOwnCodeWhereTheCallersIsAnother) {
  runtime::Ending ending;
  ending.outcome = Outcome::kBackendFailed;
  ending.backend_status = absl::PermissionDeniedError("not you");
  const grpc::Status told = StatusOf(ending);
  EXPECT_EQ(told.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_NE(told.error_details().find("PERMISSION_DENIED"), std::string::npos);
}

TEST(StatusMapping, SaysOnceThatNoBackendCanBeReachedAndThenWhyIfThatIsKnown) {
  for (const std::string trouble : {"", "no answer within 5 s"}) {
    const std::string told = trouble.empty() ? "no backend can be reached" : "no backend can be reached: " + trouble;
    runtime::Ending failed;
    failed.outcome = Outcome::kBackendFailed;
    failed.backend_status = absl::UnavailableError(trouble);
    EXPECT_EQ(StatusOf(failed).error_message(), told);
    runtime::Ending refused;
    refused.outcome = Outcome::kRejected;
    refused.rejection = {.reason = RejectReason::kNoBackend, .trouble = trouble};
    EXPECT_EQ(StatusOf(refused).error_message(), told);
  }
}

}  // namespace
}  // namespace smartbatch::transport
