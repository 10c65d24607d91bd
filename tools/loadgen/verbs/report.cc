#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "tools/loadgen/output/raw_results.h"
#include "tools/loadgen/output/result_files.h"
#include "tools/loadgen/output/text_report.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;

struct ReportFlags {
  std::string source = "results";
  std::string results;
};

// The file itself, or the newest result of the folder: the names begin with the time.
absl::StatusOr<fs::path> FindBlocks(const fs::path& source) {
  std::error_code error;
  if (!fs::is_directory(source, error)) return source;
  fs::path newest;
  for (const fs::directory_entry& entry : fs::directory_iterator(source, error)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(kBlocksSuffix) && name > newest.filename().string()) newest = entry.path();
  }
  if (!newest.empty()) return newest;
  return absl::InvalidArgumentError(fmt::format(
      "no raw results (*{}) in '{}': name a folder that loadgen run or compare wrote", kBlocksSuffix, source.string()));
}

int Report(const ReportFlags& flags) {
  const absl::StatusOr<fs::path> blocks = FindBlocks(flags.source);
  if (!blocks.ok()) return ReportError(blocks.status());
  const absl::StatusOr<ResultSet> results = ReadRawResults(*blocks);
  if (!results.ok()) return ReportError(results.status());
  const fs::path folder_path = flags.results.empty() ? blocks->parent_path() : fs::path(flags.results);
  const absl::StatusOr<ResultFolder> folder = ResultFolder::Open(folder_path.empty() ? "." : folder_path);
  if (!folder.ok()) return ReportError(folder.status());
  const Analysis analysis = Analyze(*results);
  const ReportDocument report = MakeReport(*results, analysis);
  fmt::print("{}", TerminalReport(report));
  const absl::StatusOr<WrittenFiles> written = WriteReports(*results, analysis, report, *folder);
  if (!written.ok()) return ReportError(written.status());
  PrintWritten(*written, *folder);
  if (!analysis.valid()) return kExitInvalid;
  return written->picture_failed() ? ReportError(written->picture) : program::kExitOk;
}

}  // namespace

Verb AddReport(CLI::App& program) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App& verb = *program.add_subcommand("report", "Make every report of a result again from its raw files");
  verb.add_option("source", flags->source,
                  "A folder of results, of which the newest is taken, or the file *_blocks.json of one")
      ->capture_default_str()
      ->type_name("PATH");
  verb.add_option("--results", flags->results, "Folder of the files that are written (default: beside the raw files)")
      ->type_name("DIR");
  verb.footer(
      "Examples:\n"
      "  loadgen report\n"
      "  loadgen report results/20260401_120000_blocks.json --results again\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Report(*flags); }};
}

}  // namespace smartbatch::loadgen
