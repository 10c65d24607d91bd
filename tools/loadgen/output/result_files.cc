#include "tools/loadgen/output/result_files.h"

#include <fmt/format.h>

#include "common/file.h"
#include "tools/loadgen/output/html_report.h"
#include "tools/loadgen/output/json_report.h"
#include "tools/loadgen/output/plot.h"
#include "tools/loadgen/output/raw_results.h"
#include "tools/loadgen/output/text_report.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::size_t kLargestPictureBytes = 256'000'000;

}  // namespace

absl::Status WriteRawResults(const ResultSet& results, const ResultFolder& folder) {
  const std::string& stamp = results.provenance.stamp;
  const absl::Status requests =
      folder.Write(stamp + kRequestsSuffix, [&](std::ostream& out) { WriteRequestsCsv(results, out); });
  return requests.ok() ? folder.Write(stamp + kBlocksSuffix, BlocksJson(results)) : requests;
}

absl::StatusOr<WrittenFiles> WriteReports(const ResultSet& results, const Analysis& analysis,
                                          const ReportDocument& report, const ResultFolder& folder) {
  const std::string& stamp = results.provenance.stamp;
  const std::string picture =
      fmt::format("{}_latency_{}", stamp, results.provenance.verb == "run" ? "run" : "comparison");
  WrittenFiles written;
  written.picture = DrawPlot(results, analysis, picture, folder);
  std::string svg;
  if (written.picture.ok()) {
    auto read = ReadFile(folder.path() / (picture + ".svg"), kLargestPictureBytes);
    if (!read.ok()) return read.status();
    svg = *std::move(read);
    for (const char* const end : {".png", ".svg", ".gp", ".dat"}) written.names.push_back(picture + end);
  }
  const std::vector<std::pair<std::string, std::string>> files = {
      {stamp + "_report.html", HtmlReport(results, report, svg, std::string(written.picture.message()))},
      {stamp + "_summary.txt", TextReport(report)},
      // The last file: if it exists, so do all the others.
      {stamp + "_summary.json", JsonReport(results, analysis)}};
  for (const auto& [name, content] : files) {
    const absl::Status status = folder.Write(name, content);
    if (!status.ok()) return status;
    written.names.push_back(name);
  }
  return written;
}

void PrintWritten(const WrittenFiles& written, const ResultFolder& folder) {
  fmt::print("\nWritten to {}:\n", folder.path().string());
  for (const std::string& name : written.names) fmt::print("  {}\n", name);
  if (!written.picture.ok()) fmt::print("{}\n", std::string(written.picture.message()));
}

}  // namespace smartbatch::loadgen
