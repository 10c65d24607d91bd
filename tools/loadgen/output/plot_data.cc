#include "tools/loadgen/output/plot_data.h"

#include <algorithm>

#include <fmt/format.h>

namespace smartbatch::loadgen {
namespace {

constexpr std::size_t kMostGroups = 4;
constexpr std::size_t kMostCurvePoints = 1000;
constexpr std::size_t kMostDots = 1500;
constexpr std::size_t kMostMediansPerBlock = 15;
constexpr std::size_t kRequestsPerMedian = 30;
constexpr std::size_t kFewestForMedian = 10;

double FromOptional(const std::optional<double>& value, bool& known) {
  known = value.has_value();
  return value.value_or(0);
}

const Slice* FindSlice(const Breakdown& requests, const std::string& group) {
  if (group == requests.all.name) return &requests.all;
  const auto found = std::find_if(requests.groups.begin(), requests.groups.end(),
                                  [&](const Slice& slice) { return slice.name == group; });
  return found == requests.groups.end() ? nullptr : &*found;
}

// A value with the interval of its repeats' values where all of them are known.
DrawnPoint WithInterval(double position, double value, const std::vector<double>& repeats, bool all_known) {
  const auto interval = all_known ? MeanInterval(repeats) : std::nullopt;
  if (!interval) return {position, value, value, value};
  // The axis is logarithmic: a bar must not reach 0.
  return {position, value, std::max(interval->low, value / 10), interval->high};
}

std::string Lines(const std::vector<DrawnPoint>& points) {
  std::string lines;
  for (const DrawnPoint& point : points) {
    lines += fmt::format("{} {:.6g} {:.6g} {:.6g}\n", point.position, point.value, point.low, point.high);
  }
  return lines;
}

void AddCurve(std::vector<double> latencies, std::string& out) {
  std::sort(latencies.begin(), latencies.end());
  const std::size_t count = latencies.size();
  const std::size_t step = std::max<std::size_t>(1, count / kMostCurvePoints);
  for (std::size_t i = 0; i < count; i += step) {
    out +=
        fmt::format("{:.6g} {:.6g}\n", latencies[i], 100.0 * static_cast<double>(i + 1) / static_cast<double>(count));
  }
  if (count > 0) out += fmt::format("{:.6g} 100\n", latencies.back());
}

using Dot = std::pair<double, double>;  // seconds, milliseconds

void AddMedians(const std::vector<Dot>& dots, double from, double length, std::string& out) {
  const std::size_t count = std::clamp<std::size_t>(dots.size() / kRequestsPerMedian, 1, kMostMediansPerBlock);
  const double width = length / static_cast<double>(count);
  std::vector<Sample> bins(count);
  for (const auto& [seconds, milliseconds] : dots) {
    const auto bin = static_cast<std::size_t>(std::max(0.0, (seconds - from) / width));
    bins[std::min(bin, count - 1)].Add(milliseconds);
  }
  for (std::size_t bin = 0; bin < count; ++bin) {
    if (bins[bin].count() < kFewestForMedian) continue;
    // A level line from its beginning to its end.
    const double begin = from + static_cast<double>(bin) * width;
    const double median = bins[bin].Percentile(50);
    out += fmt::format("{0:.6g} {2:.6g}\n{1:.6g} {2:.6g}\n\n", begin, begin + width, median);
  }
}

struct StrategyDots {
  std::vector<double> latencies;
  std::string dots;
  std::string medians;
};

StrategyDots CollectDots(const ResultSet& results, const std::string& workload, const std::string& strategy) {
  StrategyDots collected;
  std::optional<Duration> first_start;
  for (const Block& block : results.blocks) {
    if (block.workload != workload) continue;
    if (!first_start) first_start = block.start;
    if (block.strategy.name != strategy) continue;
    const Duration offset = block.start - *first_start;
    std::vector<Dot> dots;
    for (const RequestRecord& record : block.records) {
      if (!block.Measures(record) || !record.answered()) continue;
      dots.emplace_back(ToSeconds(offset + record.scheduled), record.latency_ms());
      collected.latencies.push_back(record.latency_ms());
    }
    const std::size_t step = std::max<std::size_t>(1, dots.size() / kMostDots);
    for (std::size_t i = 0; i < dots.size(); i += step) {
      collected.dots += fmt::format("{:.6g} {:.6g}\n", dots[i].first, dots[i].second);
    }
    if (!dots.empty()) {
      AddMedians(dots, ToSeconds(offset + block.warm_up), ToSeconds(block.measured), collected.medians);
    }
  }
  return collected;
}

void AddSet(const std::string& name, const std::string& lines, std::string& out) {
  // A set must not be empty; a not-a-number is drawn as nothing.
  out += fmt::format("# {}\n{}\n\n", name, lines.empty() ? "NaN NaN NaN NaN\n" : lines);
}

}  // namespace

const std::vector<DrawnFigure>& DrawnFigures() {
  static const std::vector<DrawnFigure> figures = {
      {"mean",
       [](const LatencySummary& latency, bool& known) {
         known = latency.count > 0;
         return latency.mean;
       }},
      {"p50", [](const LatencySummary& latency, bool& known) { return FromOptional(latency.p50, known); }},
      {"p95", [](const LatencySummary& latency, bool& known) { return FromOptional(latency.p95, known); }},
      {"p99", [](const LatencySummary& latency, bool& known) { return FromOptional(latency.p99, known); }},
  };
  return figures;
}

std::vector<std::string> DrawnGroups(const WorkloadAnalysis& workload) {
  const std::vector<Slice>& groups = workload.strategies.front().requests.groups;
  if (groups.size() > kMostGroups) return {"all"};
  std::vector<std::string> names;
  for (const Slice& group : groups) names.push_back(group.name);
  return names;
}

std::vector<DrawnPoint> FigurePoints(const WorkloadAnalysis& workload, const StrategySummary& strategy) {
  std::vector<DrawnPoint> points;
  double position = -1;
  for (const std::string& group : DrawnGroups(workload)) {
    for (const DrawnFigure& figure : DrawnFigures()) {
      ++position;
      const Slice* const slice = FindSlice(strategy.requests, group);
      bool known = slice != nullptr;
      const double value = known ? figure.of(slice->latency, known) : 0;
      if (!known) continue;
      bool all_known = true;
      std::vector<double> repeats;
      for (const RepeatSummary& repeat : strategy.repeats) {
        const Slice* const part = FindSlice(repeat.requests, group);
        bool part_is_known = part != nullptr;
        if (part != nullptr) repeats.push_back(figure.of(part->latency, part_is_known));
        all_known = all_known && part_is_known;
      }
      points.push_back(WithInterval(position, value, repeats, all_known));
    }
  }
  return points;
}

std::vector<DrawnPoint> CustomerPoints(const StrategySummary& strategy) {
  std::vector<DrawnPoint> points;
  for (std::size_t i = 0; i < strategy.requests.customers.size(); ++i) {
    const Slice& customer = strategy.requests.customers[i];
    if (customer.answered == 0) continue;
    bool all_known = true;
    std::vector<double> repeats;
    for (const RepeatSummary& repeat : strategy.repeats) {
      const Slice& part = repeat.requests.customers[i];
      repeats.push_back(part.latency.mean);
      all_known = all_known && part.answered > 0;
    }
    points.push_back(WithInterval(static_cast<double>(i), customer.latency.mean, repeats, all_known));
  }
  return points;
}

std::string PlotSetName(const std::string& kind, std::size_t workload, std::size_t strategy) {
  return fmt::format("{}-{}-{}", kind, workload, strategy);
}

std::vector<DrawnBlock> DrawnBlocks(const ResultSet& results, const std::string& workload) {
  std::vector<DrawnBlock> drawn;
  std::optional<Duration> first_start;
  for (const Block& block : results.blocks) {
    if (block.workload != workload) continue;
    if (!first_start) first_start = block.start;
    const Duration start = block.start - *first_start;
    drawn.push_back({ToSeconds(start), ToSeconds(start + block.warm_up + block.measured), block.strategy.name});
  }
  return drawn;
}

std::string PlotData(const ResultSet& results, const Analysis& analysis) {
  std::string out;
  for (std::size_t w = 0; w < analysis.workloads.size(); ++w) {
    const WorkloadAnalysis& workload = analysis.workloads[w];
    for (std::size_t s = 0; s < workload.strategies.size(); ++s) {
      const StrategySummary& strategy = workload.strategies[s];
      const StrategyDots dots = CollectDots(results, workload.workload, strategy.strategy.name);
      std::string curve;
      AddCurve(dots.latencies, curve);
      out += fmt::format("# workload {}, strategy {}\n", workload.workload, strategy.strategy.name);
      AddSet(PlotSetName("figures", w, s), Lines(FigurePoints(workload, strategy)), out);
      AddSet(PlotSetName("ecdf", w, s), curve, out);
      AddSet(PlotSetName("requests", w, s), dots.dots, out);
      // Its lines end in an empty one already; two empty lines would end the set.
      AddSet(PlotSetName("medians", w, s), dots.medians.substr(0, dots.medians.find_last_not_of('\n') + 1) + '\n', out);
      AddSet(PlotSetName("customers", w, s), Lines(CustomerPoints(strategy)), out);
    }
  }
  return out;
}

}  // namespace smartbatch::loadgen
