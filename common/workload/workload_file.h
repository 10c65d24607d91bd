// Workloads as files: a JSON object of `name`, `description`, `schedule` (for every customer without one of its own)
// and `customers`, a list of objects with the fields of customer_fields.h. workload.schema.json beside this file tells
// editors the same.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"

namespace smartbatch::workload {

// INVALID_ARGUMENT begins with `origin` (the file's name) and names the line, the field and what to give instead.
absl::StatusOr<Workload> ParseWorkload(const std::string& text, const std::string& origin);
// The same for a file or a pipe of at most 16 MB; INVALID_ARGUMENT also if it cannot be read.
absl::StatusOr<Workload> ReadWorkloadFile(const std::string& path);

// A text that ParseWorkload reads as the same customers, to the last digit. The workload must not be a recording.
std::string WorkloadJson(const Workload& workload);

}  // namespace smartbatch::workload
