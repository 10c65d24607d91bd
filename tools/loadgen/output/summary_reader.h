// Reads a summary.json again, to compare it with another.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/loadgen/analysis/regression.h"

namespace smartbatch::loadgen {

struct Summary {
  // The file's name, or another source of the summary.
  std::string origin;
  std::string started_at;
  bool valid = false;
  // Mean and p95 latency and answers a second under each strategy, and the mean latency of each group.
  std::vector<MeasuredFigure> figures;
};

// INVALID_ARGUMENT, naming the origin and the field, if the text is not a summary or has another schema version.
absl::StatusOr<Summary> ParseSummary(const std::string& text, const std::string& origin);
absl::StatusOr<Summary> ReadSummary(const std::filesystem::path& path);

}  // namespace smartbatch::loadgen
