#include "tools/loadgen/output/plot.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"
#include "common/one_line.h"
#include "tools/loadgen/output/child_process.h"
#include "tools/loadgen/output/plot_data.h"
#include "tools/loadgen/output/plot_script.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestPngBytes = 256'000'000;
constexpr absl::string_view kEndOfPng("IEND\xAE\x42\x60\x82", 8);
constexpr absl::string_view kEndOfSvg("</svg>");

// On a full disk gnuplot leaves a file that is empty or cut, and its exit code is 0.
absl::Status CheckWhole(const fs::path& path, absl::string_view end) {
  const auto picture = ReadFile(path, kLargestPngBytes);
  if (!picture.ok()) return absl::InternalError(absl::StrCat("no picture: ", picture.status().message()));
  if (absl::EndsWith(absl::StripTrailingAsciiWhitespace(*picture), end)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("no picture: of the ", picture->size(), " bytes that gnuplot wrote to ",
                                          path.parent_path().string(), " the end is missing: is the disk full?"));
}

absl::Status RunGnuplot(const fs::path& folder, const std::string& script, const fs::path& png, const fs::path& svg) {
  const std::string variables = fmt::format("png=\"{}\"; svg=\"{}\"", png.filename().string(), svg.filename().string());
  const absl::StatusOr<ProcessOutcome> outcome = RunProcess({"gnuplot", "-e", variables, script}, folder);
  if (!outcome.ok() || outcome->exit_code == 127) {
    return absl::NotFoundError(
        absl::StrCat("no picture: gnuplot is missing; apt-get install gnuplot-nox, then run gnuplot ", script, " in ",
                     folder.string()));
  }
  if (outcome->exit_code != 0) {
    return absl::InternalError(absl::StrCat("no picture: gnuplot failed: ", OneLine(outcome->output)));
  }
  if (auto status = CheckWhole(png, kEndOfPng); !status.ok()) return status;
  return CheckWhole(svg, kEndOfSvg);
}

// Removes the workloads that have nothing to draw.
Analysis WhatWasAnswered(Analysis analysis) {
  std::erase_if(analysis.workloads, [](const WorkloadAnalysis& workload) {
    return std::all_of(workload.strategies.begin(), workload.strategies.end(),
                       [](const StrategySummary& strategy) { return strategy.requests.all.answered == 0; });
  });
  return analysis;
}

}  // namespace

absl::Status DrawPlot(const ResultSet& results, const Analysis& analysis, const std::string& stem,
                      const ResultFolder& folder) {
  const Analysis answered = WhatWasAnswered(analysis);
  if (answered.workloads.empty()) return absl::NotFoundError("no picture: no request was answered");
  const std::string script = stem + ".gp";
  absl::Status status = folder.Write(stem + ".dat", PlotData(results, answered));
  if (!status.ok()) return status;
  status = folder.Write(script, PlotScript(results, answered, stem + ".dat", stem + ".png", stem + ".svg"));
  if (!status.ok()) return status;
  return folder.Produce(stem + ".png", [&](const fs::path& png) {
    return folder.Produce(stem + ".svg",
                          [&](const fs::path& svg) { return RunGnuplot(folder.path(), script, png, svg); });
  });
}

}  // namespace smartbatch::loadgen
