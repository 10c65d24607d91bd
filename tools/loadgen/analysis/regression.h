// Has something become worse? Two results of the same workloads and strategies, figure by figure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/loadgen/analysis/comparison.h"

namespace smartbatch::loadgen {

// A figure of one result. Values are above 0 where they can be compared.
struct MeasuredFigure {
  std::string workload;
  std::string strategy;
  // Such as `mean latency of B`.
  std::string name;
  std::string unit;
  bool more_is_better = false;
  // Over all repeats.
  double value = 0;
  // Of each repeat by its seed; empty where a repeat does not have the figure.
  std::map<std::uint64_t, double> repeats;
};

enum class Judgement { kSame, kNotSignificant, kBetter, kWorse };
// "within the tolerance", "no significant difference", "better", "WORSE".
std::string Describe(Judgement judgement);

struct FigureChange {
  MeasuredFigure before;
  MeasuredFigure after;
  // After over before in per cent more: 10 where it grew by a tenth. With repeats it is the geometric mean over them.
  double percent = 0;
  // 95 %; nothing where either result has fewer than two repeats.
  std::optional<Interval> percent_interval;
  // Two-sided, of "nothing changed", after Holm's correction over all figures; 1 without an interval.
  double corrected_p_value = 1;
  Judgement judgement = Judgement::kSame;
};

// The figures that both results have. A change is called better or worse where it is larger than the tolerance (in
// per cent) and significant at 95 % after Holm's correction; where there are no repeats to tell chance from change, the
// tolerance alone decides. Ratios are taken pairwise where the repeats have the same seeds, and by Welch's test where
// they do not; both on logarithms.
std::vector<FigureChange> CompareFigures(const std::vector<MeasuredFigure>& before,
                                         const std::vector<MeasuredFigure>& after, double tolerance_percent);

}  // namespace smartbatch::loadgen
