#include "tools/loadgen/output/chart_page.h"

#include <filesystem>

#include <fmt/format.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "smartbatch_chart_page.h"
#include "smartbatch_drawing.h"
#include "tools/loadgen/output/result_folder.h"

namespace smartbatch::loadgen {

std::string ChartPage(const std::string& title, const std::vector<timeline::Chart>& charts) {
  nlohmann::ordered_json data = {{"title", title}, {"charts", nlohmann::ordered_json::array()}};
  for (const timeline::Chart& chart : charts) data["charts"].push_back(timeline::ToJson(chart));
  return absl::StrReplaceAll(
      std::string(chart_page::kChartPageHtml),
      {{"{{style}}", absl::StrCat(timeline::kTimelineCss, chart_page::kChartPageCss)},
       {"{{data}}", timeline::ScriptText(data)},
       {"{{script}}", absl::StrCat(timeline::kTimelineJs, timeline::kHoverJs, chart_page::kChartPageJs)}});
}

absl::Status WriteChartPage(const std::string& path, const std::string& title,
                            const std::vector<timeline::Chart>& charts) {
  const std::filesystem::path out(path);
  const auto folder = ResultFolder::Open(out.has_parent_path() ? out.parent_path() : std::filesystem::path("."));
  if (!folder.ok() || !out.has_filename()) {
    return absl::FailedPreconditionError(
        fmt::format("cannot write '{}': name a file in a folder that can be written", path));
  }
  return folder->Write(out.filename().string(), ChartPage(title, charts));
}

}  // namespace smartbatch::loadgen
