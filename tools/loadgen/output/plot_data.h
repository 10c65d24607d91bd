// The numbers behind the picture, as gnuplot reads them: named sets in one text file.
#pragma once

#include <string>
#include <vector>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// The columns of a latency that is drawn for one group of customers.
struct DrawnFigure {
  const char* name;
  double (*of)(const LatencySummary& latency, bool& known);
};
const std::vector<DrawnFigure>& DrawnFigures();

// The groups that the picture tells apart: those of the workload, or `all` alone where they are too many.
std::vector<std::string> DrawnGroups(const WorkloadAnalysis& workload);

// A value on the axis of categories, with the 95 % interval of its repeats; low = high = value without repeats.
struct DrawnPoint {
  double position = 0;
  double value = 0;
  double low = 0;
  double high = 0;
};
// For each drawn group each drawn figure that is known; the position counts all of them.
std::vector<DrawnPoint> FigurePoints(const WorkloadAnalysis& workload, const StrategySummary& strategy);
// The mean of each customer that has answers, by the customer's place.
std::vector<DrawnPoint> CustomerPoints(const StrategySummary& strategy);

// The name of a set: `kind` is figures, ecdf, requests, medians or customers.
std::string PlotSetName(const std::string& kind, std::size_t workload, std::size_t strategy);

// All sets of all workloads:
//   figures    FigurePoints
//   ecdf       ms, percent of the answers that took no longer
//   requests   seconds since the workload's first block, ms   (thinned out evenly where they are many)
//   medians    seconds, ms: the two ends of a level line, then an empty line
//   customers  CustomerPoints
std::string PlotData(const ResultSet& results, const Analysis& analysis);

// Seconds from the workload's first block to each of its blocks, and the strategy of each, in order of time.
struct DrawnBlock {
  double start_seconds = 0;
  double end_seconds = 0;
  std::string strategy;
};
std::vector<DrawnBlock> DrawnBlocks(const ResultSet& results, const std::string& workload);

}  // namespace smartbatch::loadgen
