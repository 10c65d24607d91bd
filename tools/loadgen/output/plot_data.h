// The numbers behind the picture, as gnuplot reads them: named sets in one text file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// The percentiles that are drawn for each group of customers.
struct DrawnFigure {
  const char* name;
  std::optional<double> LatencySummary::*value;
};
const std::vector<DrawnFigure>& DrawnFigures();

// The groups that the picture tells apart: those of the workload, or only `all` if they are too many.
std::vector<std::string> DrawnGroups(const WorkloadAnalysis& workload);

// A value on the axis of categories, with the 95 % interval of its repeats; low = high = value without repeats.
struct DrawnPoint {
  double position = 0;
  double value = 0;
  double low = 0;
  double high = 0;
};
// Every drawn figure that is known, for each drawn group; the position also counts those that are not known.
std::vector<DrawnPoint> FigurePoints(const WorkloadAnalysis& workload, const StrategySummary& strategy);

// Goodput in answers a second and the worst customer's slowdown; nothing if that is not known. `position` has no
// meaning here.
struct WorstCustomerPoint {
  DrawnPoint goodput;
  DrawnPoint slowdown;
};
std::optional<WorstCustomerPoint> WorstCustomerOf(const StrategySummary& strategy);

// A slice of a block's time.
struct TimeSlice {
  double begin_seconds = 0;  // since the workload's first block
  double end_seconds = 0;
  double p50_ms = 0;
  double p95_ms = 0;
};
// By block. A slice has at least 20 answers, so that its p95 is a rough one: the second largest or better.
std::vector<std::vector<TimeSlice>> TimeSlices(const ResultSet& results, const std::string& workload,
                                               const std::string& strategy);

// The name of a set: `kind` is percentiles, distribution, marks, p50, p95 or worst-customer.
std::string PlotSetName(const std::string& kind, std::size_t workload, std::size_t strategy);

// All sets of all workloads:
//   percentiles   FigurePoints: position, ms, low, high
//   distribution  ms, per cent of the answers that took no longer
//   marks         a few points of it
//   p50           seconds, ms: the two ends of a level line, then an empty line
//   p95           seconds, ms: the middle of each slice; an empty line after each block
//   worst-customer  WorstCustomerOf: answers/s, slowdown, low and high of the first, low and high of the second
std::string PlotData(const ResultSet& results, const Analysis& analysis);

// Seconds from the workload's first block to each of its blocks, and the strategy of each, in order of time.
struct DrawnBlock {
  double start_seconds = 0;
  double end_seconds = 0;
  std::string strategy;
};
std::vector<DrawnBlock> DrawnBlocks(const ResultSet& results, const std::string& workload);

}  // namespace smartbatch::loadgen
