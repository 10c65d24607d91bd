#include "tools/loadgen/model/request_record.h"

#include <array>

namespace smartbatch::loadgen {

std::string StatusName(int status_code) {
  static constexpr std::array<const char*, 17> kNames = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  if (status_code == kStatusNotSent) return "NOT_SENT";
  if (status_code == kStatusUnfinished) return "UNFINISHED";
  if (status_code < 0 || status_code >= static_cast<int>(kNames.size())) return "CODE_" + std::to_string(status_code);
  return kNames[static_cast<std::size_t>(status_code)];
}

}  // namespace smartbatch::loadgen
