// Workloads as files: a JSON object of `name`, `description`, `schedule` (of every customer that has none of its own)
// and `customers`, a list of objects with the fields of customer_fields.h. workload.schema.json beside this file says
// the same to editors.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"

namespace smartbatch::workload {

// INVALID_ARGUMENT names the line, the field and what would be right, behind `origin` (the file's name).
absl::StatusOr<Workload> ParseWorkload(const std::string& text, const std::string& origin);
// The same of a file or a pipe of at most 16 MB; INVALID_ARGUMENT also when it cannot be read.
absl::StatusOr<Workload> ReadWorkloadFile(const std::string& path);

// As ParseWorkload reads it: the same customers, to the last digit. The workload must not be a recording.
std::string WorkloadJson(const Workload& workload);

}  // namespace smartbatch::workload
