#include "tests/figures/strategy_tables.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace smartbatch::test {
namespace {

using scheduling::StrategyChoice;

struct OpenLoop {
  const char* workload;
  double rho;
};
constexpr OpenLoop kOpenLoops[] = {{"seedopen", 0.5}, {"seedopen", 0.7},  {"mixed", 0.5},
                                   {"mixed", 0.7},    {"elephants", 0.5}, {"burstyseed", 0.6}};

struct StrategyRow {
  const char* name;
  StrategyChoice strategy;
};
const StrategyRow kDensityRow = {"`density`", {"density", {}}};
const StrategyRow kWeightedFairRow = {"`weighted_fair`", {"weighted_fair", {}}};
const StrategyRow kSjfRow = {"`sjf`", {"sjf", {}}};

std::vector<StrategyRow> StrategyRows() {
  return {{"`fcfs`", {"fcfs", {}}},
          {"`fcfs`, `linger_ms=0`", {"fcfs", {{"linger_ms", "0"}}}},
          {"`fair`", {"fair", {}}},
          {"`fair_tiers`", {"fair_tiers", {}}},
          kSjfRow,
          {"`sjf_aging`", {"sjf_aging", {}}},
          kDensityRow,
          kWeightedFairRow};
}

double LatencyOf(Laboratory& laboratory, const OpenLoop& loop, const StrategyChoice& strategy, Latency latency) {
  const simulation::LatencyFigures& found = laboratory.Play({loop.workload, loop.rho, strategy}, 1).latency_ms;
  return latency == Latency::kMean ? found.mean : found.p99.value_or(NAN);
}

// Rounded, with a comma before each group of three digits.
std::string Grouped(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (std::size_t left = digits.size(); left > 3;) digits.insert(left -= 3, ",");
  return digits;
}

std::string StrategyLine(Laboratory& laboratory, const StrategyRow& row, Latency latency) {
  std::string line = fmt::format("| {} |", row.name);
  for (const OpenLoop& loop : kOpenLoops)
    line += " " + Grouped(LatencyOf(laboratory, loop, row.strategy, latency)) + " |";
  return line + "\n";
}

std::string StrategyTable(Laboratory& laboratory, Latency latency) {
  std::string table = latency == Latency::kMean ? "| mean |" : "| p99 |";
  for (const OpenLoop& loop : kOpenLoops) table += fmt::format(" {} .{:.0f} |", loop.workload, 10 * loop.rho);
  table += "\n|---|--:|--:|--:|--:|--:|--:|\n";
  for (const StrategyRow& row : StrategyRows()) table += StrategyLine(laboratory, row, latency);
  table += "| density / sjf |";
  for (const OpenLoop& loop : kOpenLoops) {
    table += fmt::format(" {:.2f} |", LatencyOf(laboratory, loop, kDensityRow.strategy, latency) /
                                          LatencyOf(laboratory, loop, kSjfRow.strategy, latency));
  }
  return table + "\n";
}

}  // namespace

std::string StrategyTables(Laboratory& laboratory) {
  return StrategyTable(laboratory, Latency::kMean) + "\n" + StrategyTable(laboratory, Latency::kP99);
}

std::vector<std::string> CheapLinesOfStrategyTables(Laboratory& laboratory) {
  std::vector<std::string> lines;
  for (const Latency latency : {Latency::kMean, Latency::kP99}) {
    for (const StrategyRow& row : {kDensityRow, kWeightedFairRow})
      lines.push_back(StrategyLine(laboratory, row, latency));
  }
  return lines;
}

}  // namespace smartbatch::test
