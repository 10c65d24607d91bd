// The line of a JSON text on which each value begins.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace smartbatch::workload {

// Keys are the paths of the values, such as `customers[1].rate`; the path of the outermost value is empty.
// INVALID_ARGUMENT, with a message that begins with `line N: `, if the text is not JSON, is nested more than 32 deep,
// or has a key twice in one object.
absl::StatusOr<std::map<std::string, int>> LinesOfValues(const std::string& json);

}  // namespace smartbatch::workload
