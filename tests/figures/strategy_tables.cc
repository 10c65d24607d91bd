#include "tests/figures/strategy_tables.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/fairness.h"
#include "tests/figures/figure_table.h"

namespace smartbatch::test {
namespace {

using scheduling::StrategyChoice;
using Cells = std::vector<std::string>;

constexpr std::uint64_t kSeed = 1;

// `name`, or `name`, `parameter=value`.
std::string Shown(const StrategyChoice& strategy) {
  std::string shown = fmt::format("`{}`", strategy.name);
  for (const auto& [parameter, value] : strategy.parameters) shown += fmt::format(", `{}={}`", parameter, value);
  return shown;
}

// Simulations of these two take less than a second.
bool IsQuick(const StrategyChoice& strategy) { return strategy.name == "density" || strategy.name == "weighted_fair"; }

// Rounded, with a comma before each group of three digits.
std::string Grouped(double value) {
  const std::string digits = fmt::format("{:.0f}", value);
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped += ',';
    grouped += digits[i];
  }
  return grouped;
}

std::string HeadOf(const std::vector<std::string>& columns) {
  std::string alignment = "|---|";
  for (std::size_t i = 1; i < columns.size(); ++i) alignment += "--:|";
  return fmt::format("| {} |\n{}\n", fmt::join(columns, " | "), alignment);
}

// --- Mean and 99th percentile over open loops ---

struct OpenLoop {
  const char* workload;
  double rho;
};
constexpr OpenLoop kOpenLoops[] = {{"seedopen", 0.5}, {"seedopen", 0.7},  {"mixed", 0.5},
                                   {"mixed", 0.7},    {"elephants", 0.5}, {"burstyseed", 0.6}};

double LatencyOf(Laboratory& laboratory, const OpenLoop& loop, const StrategyChoice& strategy, Latency latency) {
  const simulation::LatencyFigures& found = laboratory.Play({loop.workload, loop.rho, strategy}, kSeed).latency_ms;
  return latency == Latency::kMean ? found.mean : found.p99.value_or(NAN);
}

StrategyTable LatencyTable(Latency latency) {
  const char* const what = latency == Latency::kMean ? "mean" : "p99";
  StrategyTable table{
      fmt::format("{} of the strategies", what),
      kOpenLoopsGroup,
      HeadOf({what, "seedopen .5", "seedopen .7", "mixed .5", "mixed .7", "elephants .5", "burstyseed .6"}),
      {}};
  for (const StrategyChoice& strategy : {kFcfs, kFcfsAtOnce, kFair, StrategyChoice{"fair_tiers", {}}, kSjf,
                                         StrategyChoice{"sjf_aging", {}}, kDensity, kWeightedFair}) {
    const auto measure = [=](Laboratory& laboratory) {
      Cells cells;
      for (const OpenLoop& loop : kOpenLoops) cells.push_back(Grouped(LatencyOf(laboratory, loop, strategy, latency)));
      return cells;
    };
    table.rows.push_back({Shown(strategy), measure, IsQuick(strategy)});
  }
  const auto ratios = [=](Laboratory& laboratory) {
    Cells cells;
    for (const OpenLoop& loop : kOpenLoops) {
      cells.push_back(fmt::format(
          "{:.2f}", LatencyOf(laboratory, loop, kDensity, latency) / LatencyOf(laboratory, loop, kSjf, latency)));
    }
    return cells;
  };
  table.rows.push_back({"density / sjf", ratios});
  return table;
}

// --- Who waits how much too long ---

void AddSlowdown(const simulation::Result& result, Cells& cells) {
  std::vector<double> means;
  for (const simulation::CustomerResult& customer : result.customers) means.push_back(customer.latency_ms.mean);
  cells.push_back(Grouped(result.fairness.slowdown.value_or(NAN)));
  cells.push_back(Grouped(result.fairness.worst_customer_slowdown.value_or(NAN)));
  cells.push_back(fmt::format("{:.2f}", JainIndex(means).value_or(NAN)));
}

StrategyTable SlowdownTable() {
  StrategyTable table{"slowdown of the strategies",
                      kOpenLoopsGroup,
                      HeadOf({"strategy", "seedopen .7: slowdown", "worst customer", "Jain, latencies",
                              "eight-and-eight: slowdown", "worst customer", "Jain, latencies"}),
                      {}};
  for (const StrategyChoice& strategy : {kDensity, kWeightedFair, kSjf, kFair, kFcfs}) {
    const auto measure = [=](Laboratory& laboratory) {
      Cells cells;
      AddSlowdown(laboratory.Play({"seedopen", 0.7, strategy}, kSeed), cells);
      AddSlowdown(laboratory.Play({"eight-and-eight", 0, strategy}, kSeed), cells);
      return cells;
    };
    table.rows.push_back({Shown(strategy), measure, IsQuick(strategy)});
  }
  return table;
}

// --- Isolation ---

StrategyTable FloodTable() {
  StrategyTable table{"victims of a flood", kFairnessGroup, HeadOf({"strategy", "short flood", "long flood"}), {}};
  const auto not_bounded = [](Laboratory&) { return Cells{"not bounded", "not bounded"}; };
  for (const StrategyChoice& strategy : {kFcfs, kSjf}) table.rows.push_back({Shown(strategy), not_bounded, true});
  for (const StrategyChoice& strategy :
       {kDensity, kWeightedFair, StrategyChoice{"weighted_fair", {{"window_seconds", "0.05"}}}, kFair}) {
    const auto measure = [=](Laboratory& laboratory) {
      Cells cells;
      for (const auto& [flood, requests] :
           {std::pair("flood-short", laboratory.scale().flood_requests), {"flood-long", laboratory.scale().requests}}) {
        const Harm& harm = laboratory.HarmToVictims(flood, 0.8, strategy, requests, kSeed);
        cells.push_back(fmt::format("{} ({:.1f} ×)", Grouped(harm.mean_ms), harm.ratio()));
      }
      return cells;
    };
    table.rows.push_back({Shown(strategy), measure});
  }
  return table;
}

StrategyTable OneCallTable() {
  StrategyTable table{"one call beside twelve",
                      kFairnessGroup,
                      HeadOf({"strategy", "share of the answers", "mean of the one call"}),
                      {}};
  for (const StrategyChoice& strategy :
       {kWeightedFair, StrategyChoice{"weighted_fair", {{"keep_lag_seconds", "0"}}}, kFair, kDensity}) {
    const auto measure = [=](Laboratory& laboratory) {
      const OneBesideAHog one = ReadOneBesideAHog(laboratory.Play({kOneBesideAHog, 0, strategy}, kSeed));
      return Cells{fmt::format("{:.0f} %", 100 * one.share), fmt::format("{:.0f} ms", one.mean_ms)};
    };
    table.rows.push_back({Shown(strategy), measure, true});
  }
  return table;
}

// --- Choosing p ---

StrategyTable AgeExponentTable() {
  StrategyTable table{
      "age_exponent with 16 seats", kPartsGroup, HeadOf({"`age_exponent`", "mean", "p99", "p99.9", "longest"}), {}};
  for (const char* const exponent : {"0", "0.5", "1"}) {
    const auto measure = [=](Laboratory& laboratory) {
      Setting setting{"mixed", 0.7, {"density", {{"age_exponent", exponent}}}};
      setting.max_batch_size = 16;
      const simulation::LatencyFigures& found = laboratory.Play(setting, kSeed).latency_ms;
      return Cells{Grouped(found.mean), Grouped(found.p99.value_or(NAN)), Grouped(found.p999.value_or(NAN)),
                   fmt::format("{:.0f} s", found.max / 1e3)};
    };
    table.rows.push_back({exponent, measure, true});
  }
  return table;
}

}  // namespace

std::vector<StrategyTable> StrategyTables() {
  return {LatencyTable(Latency::kMean),
          LatencyTable(Latency::kP99),
          SlowdownTable(),
          FloodTable(),
          OneCallTable(),
          AgeExponentTable()};
}

std::string BeginningOf(const StrategyTable::Row& row) { return fmt::format("| {} |", row.name); }

std::string LineOf(const StrategyTable::Row& row, Laboratory& laboratory) {
  return fmt::format("{} {} |\n", BeginningOf(row), fmt::join(row.cells(laboratory), " | "));
}

std::string MarkdownOf(const StrategyTable& table, Laboratory& laboratory) {
  std::string text = table.head;
  for (const StrategyTable::Row& row : table.rows) text += LineOf(row, laboratory);
  return text;
}

}  // namespace smartbatch::test
