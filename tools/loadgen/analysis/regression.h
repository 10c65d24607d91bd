// Has something become worse? Two results of the same workloads and strategies, figure by figure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/loadgen/analysis/comparison.h"

namespace smartbatch::loadgen {

// A figure of one result. Only values above 0 can be compared.
struct MeasuredFigure {
  std::string workload;
  std::string strategy;
  // Such as `mean latency of B`.
  std::string name;
  std::string unit;
  bool more_is_better = false;
  // Over all repeats.
  double value = 0;
  // The value of each repeat by its seed; empty if a repeat does not have the figure.
  std::map<std::uint64_t, double> repeats;
};

enum class Judgement { kSame, kNotSignificant, kBetter, kWorse };
// "within the tolerance", "no significant difference", "better", "WORSE".
std::string Describe(Judgement judgement);

struct FigureChange {
  MeasuredFigure before;
  MeasuredFigure after;
  // The growth from before to after: 10 if the figure grew by a tenth. With repeats it is the geometric mean over them.
  double percent = 0;
  // The 95 % interval; nothing if either result has fewer than two repeats.
  std::optional<Interval> percent_interval;
  // Two-sided, of "nothing changed", after Holm's correction over all figures; 1 without an interval.
  double corrected_p_value = 1;
  Judgement judgement = Judgement::kSame;
};

// Compares the figures that both results have. A change is called better or worse if it is larger than the tolerance
// (in per cent) and significant at 95 % after Holm's correction; if there are no repeats to tell chance from change,
// the tolerance alone decides. Ratios are taken pairwise if the repeats have the same seeds, and by Welch's test if
// they do not; both on logarithms.
std::vector<FigureChange> CompareFigures(const std::vector<MeasuredFigure>& before,
                                         const std::vector<MeasuredFigure>& after, double tolerance_percent);

}  // namespace smartbatch::loadgen
