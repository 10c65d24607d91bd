// Statuses with details that programs can read: google.rpc messages in the call's binary error details, as
// https://google.aip.dev/193 describes them. Everything here is a pure function and thread safe.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <grpcpp/support/status.h>

#include "common/time.h"
#include "google/rpc/status.pb.h"

namespace smartbatch::rpc {

// The domain of every google.rpc.ErrorInfo that the project makes.
inline constexpr char kErrorDomain[] = "smartbatch";

// An error in one field of a request.
struct FieldViolation {
  std::string field;        // the path in the request, such as `sequences[2]`
  std::string description;  // the value, the allowed range and the remedy, in a sentence
};

// INVALID_ARGUMENT with google.rpc.BadRequest. Details travel in HTTP/2 headers, which clients limit to 8 KiB, so only
// the first ten violations and the first 240 bytes of each description are kept. At least one violation is needed.
grpc::Status InvalidArgument(const std::vector<FieldViolation>& violations);
grpc::Status InvalidArgument(std::string field, std::string description);

// RESOURCE_EXHAUSTED with google.rpc.QuotaFailure and, if it makes sense to call again, google.rpc.RetryInfo. `subject`
// names the limit.
grpc::Status ResourceExhausted(const std::string& subject, const std::string& description,
                               std::optional<Duration> retry_after);

// At most `limit` bytes of the text, cut between two characters, with an ellipsis if something was cut off.
std::string Shortened(const std::string& text, std::size_t limit);

// The functions below cut a message after kMaxMessageBytes. If it is not valid UTF-8 they replace each byte that is not
// ASCII with `?`.
inline constexpr std::size_t kMaxMessageBytes = 1024;

// UNAVAILABLE with google.rpc.RetryInfo.
grpc::Status Unavailable(const std::string& message, Duration retry_after);

// Any code with google.rpc.ErrorInfo: the reason in UPPER_SNAKE_CASE, such as `DEADLINE_IN_QUEUE`.
grpc::Status WithReason(grpc::StatusCode code, const std::string& message, const std::string& reason,
                        const std::map<std::string, std::string>& metadata = {});

// The details of a status, or nothing if it has none that can be read.
std::optional<google::rpc::Status> Details(const grpc::Status& status);

// The time after which the server asks to be called again (google.rpc.RetryInfo), if it says so.
std::optional<Duration> RetryAfter(const grpc::Status& status);

// One line for people: the code's name, the message, and what the details say beyond the message.
std::string Describe(const grpc::Status& status);

// The name in the gRPC specification, such as `INVALID_ARGUMENT`; `CODE_<number>` for a code that it does not list.
std::string CodeName(int code);

}  // namespace smartbatch::rpc
