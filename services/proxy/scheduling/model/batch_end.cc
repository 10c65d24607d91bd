#include "services/proxy/scheduling/model/batch_end.h"

#include <utility>

#include <absl/strings/cord.h>

namespace smartbatch::scheduling {
namespace {

constexpr char kFellUrl[] = "smartbatch/fell";

}  // namespace

absl::Status Fell(absl::Status status) {
  status.SetPayload(kFellUrl, absl::Cord());
  return status;
}

bool HasFallen(const absl::Status& status) { return status.GetPayload(kFellUrl).has_value(); }

Verdict VerdictOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return Verdict::kServed;
    case absl::StatusCode::kResourceExhausted:
      return Verdict::kBusy;
    case absl::StatusCode::kUnavailable:
      return HasFallen(status) ? Verdict::kFell : Verdict::kBackend;
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return Verdict::kBackend;
    default:
      return Verdict::kContent;
  }
}

}  // namespace smartbatch::scheduling
