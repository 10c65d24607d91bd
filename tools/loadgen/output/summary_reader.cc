#include "tools/loadgen/output/summary_reader.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "common/file.h"
#include "tools/loadgen/output/json_report.h"

namespace smartbatch::loadgen {
namespace {

using nlohmann::json;

constexpr std::size_t kLargestSummaryBytes = 1'000'000'000;

// Where a figure stands in a slice, of all repeats or of one.
using Path = json::json_pointer;

// The figure at `path` of `strategy` and of each of its repeats; a figure that is null has the value 0.
MeasuredFigure FigureAt(const json& strategy, const Path& path, MeasuredFigure figure) {
  const json& value = strategy.at(path);
  figure.value = value.is_null() ? 0 : value.get<double>();
  for (const json& repeat : strategy.at("repeats")) {
    const json& part = repeat.at(path);
    if (part.is_null() || part.get<double>() <= 0) {
      // One of several blocks does not have the figure: the others alone must not be compared.
      if (strategy.at("repeats").size() > 1) figure.value = 0;
      figure.repeats.clear();
      break;
    }
    figure.repeats[repeat.at("seed").get<std::uint64_t>()] = part.get<double>();
  }
  return figure;
}

void AddFigures(const std::string& workload, const json& strategy, std::vector<MeasuredFigure>& figures) {
  const std::string name = strategy.at("strategy");
  const auto add = [&](const std::string& figure, const std::string& unit, bool more_is_better, const Path& path) {
    MeasuredFigure found = FigureAt(strategy, path, {workload, name, figure, unit, more_is_better, 0, {}});
    if (found.value > 0) figures.push_back(std::move(found));
  };
  add("mean latency", "ms", false, Path("/all/latency_ms/mean"));
  add("p95 latency", "ms", false, Path("/all/latency_ms/p95"));
  add("answers", "1/s", true, Path("/all/answered_per_second"));
  const json& groups = strategy.at("groups");
  for (std::size_t i = 0; i < groups.size() && groups.size() > 1; ++i) {
    add("mean latency of " + groups[i].at("name").get<std::string>(), "ms", false,
        Path(fmt::format("/groups/{}/latency_ms/mean", i)));
  }
}

absl::Status Fault(const std::string& origin, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", origin, what));
}

}  // namespace

absl::StatusOr<Summary> ParseSummary(const std::string& text, const std::string& origin) {
  try {
    const json parsed = json::parse(text);
    if (parsed.at("schema_version") != kSummarySchemaVersion) {
      return Fault(origin,
                   fmt::format("schema_version {} is not {}, the one this loadgen reads; `loadgen report` writes it "
                               "anew from the raw results",
                               parsed.at("schema_version").dump(), kSummarySchemaVersion));
    }
    Summary summary{origin, parsed.at("started_at"), parsed.at("valid"), {}};
    for (const json& workload : parsed.at("workloads")) {
      for (const json& strategy : workload.at("strategies")) {
        AddFigures(workload.at("workload"), strategy, summary.figures);
      }
    }
    return summary;
  } catch (const json::exception& error) {
    return Fault(origin, fmt::format("not a summary.json of loadgen: {}", error.what()));
  }
}

absl::StatusOr<Summary> ReadSummary(const std::filesystem::path& path) {
  const auto text = ReadFile(path.string(), kLargestSummaryBytes, FileKind::kAnyStream);
  return text.ok() ? ParseSummary(*text, path.string()) : text.status();
}

}  // namespace smartbatch::loadgen
