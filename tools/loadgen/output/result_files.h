// Everything that is written down of a result.
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
  // Why there is no picture; OK where there is one.
  absl::Status picture;
  // Something went wrong with it, beyond that it cannot be drawn here (NOT_FOUND).
  bool picture_failed() const { return !picture.ok() && !absl::IsNotFound(picture); }
};

// STAMP_requests.csv and STAMP_blocks.json: what cannot be made again.
absl::Status WriteRawResults(const ResultSet& results, const ResultFolder& folder);

// Everything that is made of the raw results: picture, summary.txt, report.html and, as the last, summary.json. A
// picture that could not be drawn does not stop the rest: the figures are there. Files of the same name are replaced.
absl::StatusOr<WrittenFiles> WriteReports(const ResultSet& results, const Analysis& analysis,
                                          const ReportDocument& report, const ResultFolder& folder);

// Says on standard output what was written where, and why there is no picture.
void PrintWritten(const WrittenFiles& written, const ResultFolder& folder);

}  // namespace smartbatch::loadgen
