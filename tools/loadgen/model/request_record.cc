#include "tools/loadgen/model/request_record.h"

#include <array>
#include <string_view>

#include "absl/strings/numbers.h"

namespace smartbatch::loadgen {
namespace {

constexpr int kLargestStatus = 16;
constexpr std::string_view kOtherPrefix = "CODE_";

}  // namespace

std::string StatusName(int status_code) {
  static constexpr std::array<const char*, kLargestStatus + 1> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  if (status_code == kStatusNotSent) return "NOT_SENT";
  if (status_code == kStatusUnfinished) return "UNFINISHED";
  if (status_code < 0 || status_code >= static_cast<int>(kNames.size())) {
    return std::string(kOtherPrefix) + std::to_string(status_code);
  }
  return kNames[static_cast<std::size_t>(status_code)];
}

std::optional<int> StatusCodeOf(const std::string& name) {
  for (int code = kStatusUnfinished; code <= kLargestStatus; ++code) {
    if (StatusName(code) == name) return code;
  }
  int other = 0;
  if (name.starts_with(kOtherPrefix) && absl::SimpleAtoi(name.substr(kOtherPrefix.size()), &other)) return other;
  return std::nullopt;
}

}  // namespace smartbatch::loadgen
