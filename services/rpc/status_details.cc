#include "services/rpc/status_details.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <google/protobuf/util/time_util.h>

#include "common/utf8.h"
#include "google/rpc/error_details.pb.h"

namespace smartbatch::rpc {
namespace {

constexpr std::size_t kMaxViolations = 10;
constexpr std::size_t kMaxDescriptionBytes = 240;

// A backend may fail with any bytes as its message, and protobuf parses no message with a text that is not UTF-8.
std::string ValidText(std::string text) {
  if (CountCodePoints(text)) return text;
  std::replace_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0x80U) != 0; }, '?');
  return text;
}

google::rpc::Status Envelope(grpc::StatusCode code, const std::string& message) {
  google::rpc::Status envelope;
  envelope.set_code(code);
  envelope.set_message(Shortened(ValidText(message), kMaxMessageBytes));
  return envelope;
}

void AddRetryInfo(google::rpc::Status& envelope, Duration retry_after) {
  google::rpc::RetryInfo retry;
  const auto delay = std::max(retry_after, Duration::zero());
  *retry.mutable_retry_delay() = google::protobuf::util::TimeUtil::NanosecondsToDuration(delay.count());
  envelope.add_details()->PackFrom(retry);
}

grpc::Status Sealed(const google::rpc::Status& envelope) {
  return {static_cast<grpc::StatusCode>(envelope.code()), envelope.message(), envelope.SerializeAsString()};
}

// The first detail of the given type, if there is one.
template <class Detail>
std::optional<Detail> Find(const google::rpc::Status& envelope) {
  Detail detail;
  for (const auto& any : envelope.details()) {
    if (any.Is<Detail>() && any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

}  // namespace

std::string Shortened(const std::string& text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

grpc::Status InvalidArgument(const std::vector<FieldViolation>& violations) {
  google::rpc::BadRequest bad_request;
  for (std::size_t i = 0; i < std::min(violations.size(), kMaxViolations); ++i) {
    auto& violation = *bad_request.add_field_violations();
    violation.set_field(Shortened(violations[i].field, kMaxDescriptionBytes));
    violation.set_description(Shortened(violations[i].description, kMaxDescriptionBytes));
  }
  std::string message = "invalid request";
  if (!violations.empty()) {
    const auto& first = bad_request.field_violations(0);
    message = first.field() + ": " + first.description();
  }
  if (violations.size() > 1) message += " (and " + std::to_string(violations.size() - 1) + " more)";
  auto envelope = Envelope(grpc::StatusCode::INVALID_ARGUMENT, message);
  envelope.add_details()->PackFrom(bad_request);
  return Sealed(envelope);
}

grpc::Status InvalidArgument(std::string field, std::string description) {
  return InvalidArgument({FieldViolation{std::move(field), std::move(description)}});
}

grpc::Status ResourceExhausted(const std::string& subject, const std::string& description,
                               std::optional<Duration> retry_after) {
  auto envelope = Envelope(grpc::StatusCode::RESOURCE_EXHAUSTED, description);
  google::rpc::QuotaFailure failure;
  auto& violation = *failure.add_violations();
  violation.set_subject(subject);
  violation.set_description(Shortened(description, kMaxDescriptionBytes));
  envelope.add_details()->PackFrom(failure);
  if (retry_after) AddRetryInfo(envelope, *retry_after);
  return Sealed(envelope);
}

grpc::Status Unavailable(const std::string& message, Duration retry_after) {
  auto envelope = Envelope(grpc::StatusCode::UNAVAILABLE, message);
  AddRetryInfo(envelope, retry_after);
  return Sealed(envelope);
}

grpc::Status WithReason(grpc::StatusCode code, const std::string& message, const std::string& reason,
                        const std::map<std::string, std::string>& metadata) {
  auto envelope = Envelope(code, message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(kErrorDomain);
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  envelope.add_details()->PackFrom(info);
  return Sealed(envelope);
}

std::optional<google::rpc::Status> Details(const grpc::Status& status) {
  google::rpc::Status envelope;
  const std::string bytes = status.error_details();
  if (bytes.empty() || !envelope.ParseFromString(bytes)) return std::nullopt;
  return envelope;
}

std::optional<Duration> RetryAfter(const grpc::Status& status) {
  const auto envelope = Details(status);
  if (!envelope) return std::nullopt;
  const auto retry = Find<google::rpc::RetryInfo>(*envelope);
  if (!retry) return std::nullopt;
  return Duration(google::protobuf::util::TimeUtil::DurationToNanoseconds(retry->retry_delay()));
}

std::string Describe(const grpc::Status& status) {
  std::string line = CodeName(status.error_code());
  if (!status.error_message().empty()) line += ": " + status.error_message();
  const auto envelope = Details(status);
  if (envelope) {
    if (const auto bad_request = Find<google::rpc::BadRequest>(*envelope)) {
      for (int i = 1; i < bad_request->field_violations_size(); ++i) {  // the first one is the message
        const auto& violation = bad_request->field_violations(i);
        line += "; " + violation.field() + ": " + violation.description();
      }
    }
    if (const auto failure = Find<google::rpc::QuotaFailure>(*envelope); failure && failure->violations_size() > 0) {
      line += " [limit " + failure->violations(0).subject() + "]";
    }
    if (const auto info = Find<google::rpc::ErrorInfo>(*envelope)) line += " [" + info->reason() + "]";
    if (const auto retry = Find<google::rpc::RetryInfo>(*envelope)) {
      line += " [retry after " + google::protobuf::util::TimeUtil::ToString(retry->retry_delay()) + "]";
    }
  }
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string CodeName(int code) {
  static constexpr std::array<const char*, 17> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  if (code < 0 || code >= static_cast<int>(kNames.size())) return "CODE_" + std::to_string(code);
  return kNames[static_cast<std::size_t>(code)];
}

}  // namespace smartbatch::rpc
