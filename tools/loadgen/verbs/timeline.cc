#include <memory>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "common/file.h"
#include "services/proxy/simulation/chart_builder.h"
#include "services/proxy/simulation/trace.h"
#include "tools/loadgen/output/chart_page.h"
#include "tools/loadgen/verbs/chart_flags.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

struct TimelineFlags {
  std::string path;
  ChartFlags chart;
};

int Draw(const TimelineFlags& flags) {
  const auto text = ReadFile(flags.path, simulation::kLargestRecordingBytes, FileKind::kAnyStream);
  if (!text.ok()) return ReportError(text.status());
  std::istringstream log(*text);
  auto chart = simulation::ChartOfLog(log, flags.chart.first.value_or(0), flags.chart.requests);
  if (!chart.ok()) {
    return ReportError(
        absl::InvalidArgumentError(fmt::format("{}: {}", flags.path, std::string(chart.status().message()))));
  }
  chart->title = chart->batches.empty() ? "no batch" : chart->batches.front().strategy;
  chart->note =
      fmt::format("{} requests and {} batches of {}", chart->requests.size(), chart->batches.size(), flags.path);
  const absl::Status written = WriteChartPage(flags.chart.html, "Batches of " + flags.path, {*chart});
  if (!written.ok()) return ReportError(written);
  fmt::print("{}: {} requests and {} batches in {:.3f} s; open it in a browser\n", flags.chart.html,
             chart->requests.size(), chart->batches.size(), ToSeconds(chart->to - chart->from));
  return program::kExitOk;
}

}  // namespace

Verb AddTimeline(CLI::App& program) {
  auto flags = std::make_shared<TimelineFlags>();
  flags->chart.html = "timeline.html";
  CLI::App& verb =
      *program.add_subcommand("timeline", "Draw a proxy's --decision-log: its batches over time, as a page");
  verb.add_option("log", flags->path, "The file that the proxy wrote")->required()->type_name("FILE");
  AddChartFlags(verb, flags->chart);
  verb.footer(
      "Exit codes: 0 the page was written; 1 it could not be; 2 wrong usage, or not a decision log.\n"
      "Examples:\n"
      "  smartbatch-proxy --decision-log decisions.jsonl\n"
      "  loadgen timeline decisions.jsonl\n"
      "  loadgen timeline decisions.jsonl --draw-first 5000 --draw-requests 300 --html slow.html\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Draw(*flags); }};
}

}  // namespace smartbatch::loadgen
