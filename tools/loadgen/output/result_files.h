// Writes every file of a result.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/output/report_document.h"
#include "tools/loadgen/output/result_folder.h"

namespace smartbatch::loadgen {

struct WrittenFiles {
  // Their names, in the folder.
  std::vector<std::string> names;
  // Why there is no picture; OK if there is one.
  absl::Status picture;
  // Returns true if drawing failed, other than because it is not possible here (NOT_FOUND).
  bool picture_failed() const { return !picture.ok() && !absl::IsNotFound(picture); }
};

// Writes STAMP_requests.csv and STAMP_blocks.json, which cannot be made again.
absl::Status WriteRawResults(const ResultSet& results, const ResultFolder& folder);

// Writes everything that is made from the raw results: the picture, summary.txt, report.html and, last, summary.json. A
// picture that could not be drawn does not stop the rest. Files of the same name are replaced.
absl::StatusOr<WrittenFiles> WriteReports(const ResultSet& results, const Analysis& analysis,
                                          const ReportDocument& report, const ResultFolder& folder);

// Prints to standard output which files were written and where, and why there is no picture.
void PrintWritten(const WrittenFiles& written, const ResultFolder& folder);

}  // namespace smartbatch::loadgen
