#include "tools/loadgen/output/plot_data.h"

#include <algorithm>

#include <fmt/format.h>

namespace smartbatch::loadgen {
namespace {

constexpr std::size_t kMostGroups = 4;
constexpr std::size_t kMostCurvePoints = 500;
constexpr std::size_t kMostSlicesPerBlock = 12;
constexpr std::size_t kAnswersPerSlice = 40;
constexpr std::size_t kFewestAnswers = 20;

const Slice* FindSlice(const Breakdown& requests, const std::string& group) {
  if (group == requests.all.name) return &requests.all;
  const auto found = std::find_if(requests.groups.begin(), requests.groups.end(),
                                  [&](const Slice& slice) { return slice.name == group; });
  return found == requests.groups.end() ? nullptr : &*found;
}

// A value with the interval of its repeats' values; `repeats` is empty if a repeat does not have it.
DrawnPoint WithInterval(double position, double value, const std::vector<double>& repeats, double lowest) {
  const auto interval = MeanInterval(repeats);
  if (!interval) return {position, value, value, value};
  return {position, value, std::max(interval->low, lowest), interval->high};
}

template <class ValueOf>
std::vector<double> OfEachRepeat(const StrategySummary& strategy, ValueOf value_of) {
  std::vector<double> values;
  for (const RepeatSummary& repeat : strategy.repeats) {
    const std::optional<double> value = value_of(repeat.requests);
    if (!value) return {};
    values.push_back(*value);
  }
  return values;
}

std::string Lines(const std::vector<DrawnPoint>& points) {
  std::string lines;
  for (const DrawnPoint& point : points) {
    lines += fmt::format("{} {:.6g} {:.6g} {:.6g}\n", point.position, point.value, point.low, point.high);
  }
  return lines;
}

Sample LatenciesOf(const ResultSet& results, const std::string& workload, const std::string& strategy) {
  Sample latencies;
  for (const Block& block : results.blocks) {
    if (block.workload != workload || block.strategy.name != strategy) continue;
    for (const RequestRecord& record : block.records) {
      if (block.Measures(record) && record.answered()) latencies.Add(record.latency_ms());
    }
  }
  return latencies;
}

std::string Curve(const Sample& latencies) {
  if (latencies.empty()) return "";
  const std::size_t points = std::min(kMostCurvePoints, latencies.count());
  std::string curve = fmt::format("{:.6g} 0\n", latencies.Minimum());
  for (std::size_t i = 1; i <= points; ++i) {
    const double percent = 100.0 * static_cast<double>(i) / static_cast<double>(points);
    curve += fmt::format("{:.6g} {:.6g}\n", latencies.Percentile(percent), percent);
  }
  return curve;
}

std::string Marks(const Sample& latencies) {
  std::string marks;
  for (const double percent : {10.0, 30.0, 50.0, 70.0, 90.0}) {
    if (!latencies.empty()) marks += fmt::format("{:.6g} {}\n", latencies.Percentile(percent), percent);
  }
  return marks;
}

std::vector<TimeSlice> SlicesOf(const Block& block, double offset_seconds) {
  const auto counts = [&](const RequestRecord& record) { return block.Measures(record) && record.answered(); };
  const auto answers = static_cast<std::size_t>(std::count_if(block.records.begin(), block.records.end(), counts));
  const std::size_t count = std::clamp<std::size_t>(answers / kAnswersPerSlice, 1, kMostSlicesPerBlock);
  const double from = ToSeconds(block.warm_up);
  const double width = ToSeconds(block.measured) / static_cast<double>(count);
  std::vector<Sample> samples(count);
  for (const RequestRecord& record : block.records) {
    if (!counts(record)) continue;
    const auto slice = static_cast<std::size_t>(std::max(0.0, (ToSeconds(record.scheduled) - from) / width));
    samples[std::min(slice, count - 1)].Add(record.latency_ms());
  }
  std::vector<TimeSlice> slices;
  for (std::size_t i = 0; i < count; ++i) {
    if (samples[i].count() < kFewestAnswers) continue;
    const double begin = offset_seconds + from + static_cast<double>(i) * width;
    slices.push_back({begin, begin + width, samples[i].Percentile(50), samples[i].Percentile(95)});
  }
  return slices;
}

void AddSet(const std::string& name, const std::string& lines, std::string& out) {
  // A set must not be empty: NaN is drawn as nothing. Two empty lines would end it too early.
  const std::string content = lines.substr(0, lines.find_last_not_of('\n') + 1);
  out += fmt::format("# {}\n{}\n\n\n", name, content.empty() ? "NaN NaN NaN NaN NaN NaN" : content);
}

void AddTimeSets(const std::vector<std::vector<TimeSlice>>& blocks, const std::string& p50_name,
                 const std::string& p95_name, std::string& out) {
  std::string p50;
  std::string p95;
  for (const std::vector<TimeSlice>& slices : blocks) {
    for (const TimeSlice& slice : slices) {
      p50 += fmt::format("{0:.6g} {2:.6g}\n{1:.6g} {2:.6g}\n\n", slice.begin_seconds, slice.end_seconds, slice.p50_ms);
      p95 += fmt::format("{:.6g} {:.6g}\n", (slice.begin_seconds + slice.end_seconds) / 2, slice.p95_ms);
    }
    if (!slices.empty()) p95 += '\n';
  }
  AddSet(p50_name, p50, out);
  AddSet(p95_name, p95, out);
}

std::string WorstCustomerLine(const StrategySummary& strategy) {
  const auto point = WorstCustomerOf(strategy);
  if (!point) return "";
  return fmt::format("{:.6g} {:.6g} {:.6g} {:.6g} {:.6g} {:.6g}\n", point->goodput.value, point->slowdown.value,
                     point->goodput.low, point->goodput.high, point->slowdown.low, point->slowdown.high);
}

}  // namespace

const std::vector<DrawnFigure>& DrawnFigures() {
  static const std::vector<DrawnFigure> figures = {
      {"p50", &LatencySummary::p50}, {"p95", &LatencySummary::p95}, {"p99", &LatencySummary::p99}};
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
      const auto value_of = [&](const Breakdown& requests) {
        const Slice* const slice = FindSlice(requests, group);
        return slice == nullptr ? std::nullopt : slice->latency.*figure.value;
      };
      const std::optional<double> value = value_of(strategy.requests);
      if (!value) continue;
      // The axis is logarithmic: a bar must not reach 0.
      points.push_back(WithInterval(position, *value, OfEachRepeat(strategy, value_of), *value / 10));
    }
  }
  return points;
}

std::optional<WorstCustomerPoint> WorstCustomerOf(const StrategySummary& strategy) {
  const std::optional<double> slowdown = strategy.requests.fairness.worst_customer_slowdown;
  if (!slowdown) return std::nullopt;
  const auto rates = OfEachRepeat(
      strategy, [](const Breakdown& requests) -> std::optional<double> { return requests.all.answered_per_second; });
  const auto slowdowns =
      OfEachRepeat(strategy, [](const Breakdown& requests) { return requests.fairness.worst_customer_slowdown; });
  // The axis is logarithmic: a bar must not reach 0.
  return WorstCustomerPoint{WithInterval(0, strategy.requests.all.answered_per_second, rates, 0),
                            WithInterval(0, *slowdown, slowdowns, *slowdown / 10)};
}

std::vector<std::vector<TimeSlice>> TimeSlices(const ResultSet& results, const std::string& workload,
                                               const std::string& strategy) {
  std::vector<std::vector<TimeSlice>> blocks;
  std::optional<Duration> first_start;
  for (const Block& block : results.blocks) {
    if (block.workload != workload) continue;
    if (!first_start) first_start = block.start;
    if (block.strategy.name == strategy) blocks.push_back(SlicesOf(block, ToSeconds(block.start - *first_start)));
  }
  return blocks;
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
      const Sample latencies = LatenciesOf(results, workload.workload, strategy.strategy.name);
      out += fmt::format("# workload {}, strategy {}\n", workload.workload, strategy.strategy.name);
      AddSet(PlotSetName("percentiles", w, s), Lines(FigurePoints(workload, strategy)), out);
      AddSet(PlotSetName("distribution", w, s), Curve(latencies), out);
      AddSet(PlotSetName("marks", w, s), Marks(latencies), out);
      AddTimeSets(TimeSlices(results, workload.workload, strategy.strategy.name), PlotSetName("p50", w, s),
                  PlotSetName("p95", w, s), out);
      AddSet(PlotSetName("worst-customer", w, s), WorstCustomerLine(strategy), out);
    }
  }
  return out;
}

}  // namespace smartbatch::loadgen
