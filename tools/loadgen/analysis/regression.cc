#include "tools/loadgen/analysis/regression.h"

#include <algorithm>
#include <cmath>

namespace smartbatch::loadgen {
namespace {

std::vector<double> Logarithms(const std::map<std::uint64_t, double>& repeats) {
  std::vector<double> logarithms;
  for (const auto& [seed, value] : repeats) logarithms.push_back(std::log(value));
  return logarithms;
}

bool SameSeeds(const MeasuredFigure& a, const MeasuredFigure& b) {
  return std::equal(a.repeats.begin(), a.repeats.end(), b.repeats.begin(), b.repeats.end(),
                    [](const auto& left, const auto& right) { return left.first == right.first; });
}

std::optional<TestedMean> LogarithmOfRatio(const MeasuredFigure& before, const MeasuredFigure& after) {
  if (before.repeats.size() < 2 || after.repeats.size() < 2) return std::nullopt;
  const std::vector<double> from = Logarithms(before.repeats);
  const std::vector<double> to = Logarithms(after.repeats);
  if (!SameSeeds(before, after)) return WelchDifference(to, from);
  std::vector<double> paired(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) paired[i] = to[i] - from[i];
  return TestMean(paired);
}

double Percent(double logarithm) { return 100 * std::expm1(logarithm); }

Judgement Judge(const FigureChange& change, double tolerance_percent) {
  const bool worse = change.after.more_is_better ? change.percent < 0 : change.percent > 0;
  if (std::abs(change.percent) <= tolerance_percent) return Judgement::kSame;
  if (change.percent_interval && change.corrected_p_value >= 0.05) return Judgement::kNotSignificant;
  return worse ? Judgement::kWorse : Judgement::kBetter;
}

bool SameFigure(const MeasuredFigure& a, const MeasuredFigure& b) {
  return a.workload == b.workload && a.strategy == b.strategy && a.name == b.name;
}

}  // namespace

std::string Describe(Judgement judgement) {
  switch (judgement) {
    case Judgement::kSame:
      return "within the tolerance";
    case Judgement::kNotSignificant:
      return "no significant difference";
    case Judgement::kBetter:
      return "better";
    case Judgement::kWorse:
      return "WORSE";
  }
  return "";
}

std::vector<FigureChange> CompareFigures(const std::vector<MeasuredFigure>& before,
                                         const std::vector<MeasuredFigure>& after, double tolerance_percent) {
  std::vector<FigureChange> changes;
  std::vector<double> p_values;  // of the changes with an interval
  std::vector<std::size_t> with_interval;
  for (const MeasuredFigure& from : before) {
    const auto to = std::find_if(after.begin(), after.end(),
                                 [&](const MeasuredFigure& figure) { return SameFigure(from, figure); });
    if (to == after.end() || from.value <= 0 || to->value <= 0) continue;
    FigureChange change{from, *to, Percent(std::log(to->value / from.value)), std::nullopt, 1, Judgement::kSame};
    if (const auto tested = LogarithmOfRatio(from, *to)) {
      const Interval& interval = tested->interval;
      change.percent = Percent(interval.mean);
      change.percent_interval = Interval{change.percent, Percent(interval.low), Percent(interval.high)};
      p_values.push_back(tested->p_value);
      with_interval.push_back(changes.size());
    }
    changes.push_back(std::move(change));
  }
  const std::vector<double> corrected = HolmCorrected(p_values);
  for (std::size_t i = 0; i < corrected.size(); ++i) changes[with_interval[i]].corrected_p_value = corrected[i];
  for (FigureChange& change : changes) change.judgement = Judge(change, tolerance_percent);
  return changes;
}

}  // namespace smartbatch::loadgen
