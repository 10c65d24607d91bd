// Runs another program and waits for it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace smartbatch::loadgen {

struct ProcessOutcome {
  // 128 + the signal if a signal ended it.
  int exit_code = 0;
  // Standard output and standard error together.
  std::string output;
};

// Runs `arguments[0]`, looked up in PATH, in the given folder, with no signal blocked and no standard input.
// NOT_FOUND if there is no such program.
absl::StatusOr<ProcessOutcome> RunProcess(const std::vector<std::string>& arguments,
                                          const std::filesystem::path& folder);

}  // namespace smartbatch::loadgen
