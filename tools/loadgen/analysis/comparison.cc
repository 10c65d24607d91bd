#include "tools/loadgen/analysis/comparison.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <boost/math/distributions/students_t.hpp>

#include "common/statistics.h"

namespace smartbatch::loadgen {
namespace {

struct MeanAndError {
  double mean = 0;
  double standard_error = 0;
  double degrees_of_freedom = 1;
};

// The difference of two rounded values has at least the variance 2 resolution^2 / 12.
MeanAndError Estimate(const std::vector<double>& values, double resolution = 0) {
  Sample sample;
  for (const double value : values) sample.Add(value);
  const auto count = static_cast<double>(values.size());
  const double deviation = std::max(sample.StandardDeviation(), resolution / std::sqrt(6.0));
  return {sample.Mean(), deviation / std::sqrt(count), count - 1};
}

Interval IntervalOf(const MeanAndError& estimate) {
  const boost::math::students_t student(estimate.degrees_of_freedom);
  const double half = boost::math::quantile(boost::math::complement(student, 0.025)) * estimate.standard_error;
  return {estimate.mean, estimate.mean - half, estimate.mean + half};
}

double TwoSidedPValue(const MeanAndError& estimate) {
  if (estimate.standard_error <= 0) return estimate.mean == 0 ? 1 : 0;
  const boost::math::students_t student(estimate.degrees_of_freedom);
  return 2 * boost::math::cdf(boost::math::complement(student, std::abs(estimate.mean) / estimate.standard_error));
}

}  // namespace

std::optional<Interval> MeanInterval(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  return IntervalOf(Estimate(values));
}

std::vector<Difference> PairedDifferences(const std::string& figure, const std::string& unit,
                                          const std::vector<Series>& series, double resolution) {
  std::vector<Difference> differences;
  for (std::size_t i = 0; i < series.size(); ++i) {
    for (std::size_t j = i + 1; j < series.size(); ++j) {
      const std::size_t pairs = std::min(series[i].values.size(), series[j].values.size());
      if (pairs < 2) continue;
      std::vector<double> paired(pairs);
      for (std::size_t k = 0; k < pairs; ++k) paired[k] = series[i].values[k] - series[j].values[k];
      const MeanAndError estimate = Estimate(paired, resolution);
      const double p_value = TwoSidedPValue(estimate);
      differences.push_back(
          {figure, unit, series[i].strategy, series[j].strategy, pairs, IntervalOf(estimate), p_value, p_value});
    }
  }
  return differences;
}

void CorrectForMany(std::vector<Difference>& differences) {
  std::vector<std::size_t> order(differences.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return differences[a].p_value < differences[b].p_value; });
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    Difference& difference = differences[order[rank]];
    largest = std::max(largest, static_cast<double>(order.size() - rank) * difference.p_value);
    difference.corrected_p_value = std::min(1.0, largest);
  }
}

}  // namespace smartbatch::loadgen
