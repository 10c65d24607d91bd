// On which line of a JSON text each value stands.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace smartbatch::workload {

// By the path of the value, such as `customers[1].rate`; the outermost value is ``. INVALID_ARGUMENT where the text is
// not JSON, is nested more than 32 deep, or an object has a key twice; the message begins with `line N: `.
absl::StatusOr<std::map<std::string, int>> LinesOfValues(const std::string& json);

}  // namespace smartbatch::workload
