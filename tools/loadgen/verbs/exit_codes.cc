#include "tools/loadgen/verbs/exit_codes.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace smartbatch::loadgen {

int ReportError(const absl::Status& error) {
  std::string message(error.message());
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "loadgen: {}\n", message);
  return error.code() == absl::StatusCode::kInvalidArgument ? program::kExitUsage : program::kExitError;
}

}  // namespace smartbatch::loadgen
