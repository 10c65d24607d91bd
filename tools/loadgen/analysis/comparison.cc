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

// The difference of two rounded values has at least a variance of 2 resolution^2 / 12.
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

TestedMean Test(const MeanAndError& estimate) { return {IntervalOf(estimate), TwoSidedPValue(estimate)}; }

}  // namespace

std::optional<Interval> MeanInterval(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  return IntervalOf(Estimate(values));
}

TestedMean TestMean(const std::vector<double>& values, double resolution) { return Test(Estimate(values, resolution)); }

TestedMean WelchDifference(const std::vector<double>& first, const std::vector<double>& second) {
  const MeanAndError a = Estimate(first);
  const MeanAndError b = Estimate(second);
  const double variance_a = a.standard_error * a.standard_error;
  const double variance_b = b.standard_error * b.standard_error;
  const double variance = variance_a + variance_b;
  // Welch and Satterthwaite; if nothing varies the value does not matter.
  const double degrees =
      variance > 0
          ? variance * variance /
                (variance_a * variance_a / a.degrees_of_freedom + variance_b * variance_b / b.degrees_of_freedom)
          : 1;
  return Test({a.mean - b.mean, std::sqrt(variance), degrees});
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
      const TestedMean tested = TestMean(paired, resolution);
      differences.push_back({figure, unit, series[i].strategy, series[j].strategy, pairs, tested.interval,
                             tested.p_value, tested.p_value});
    }
  }
  return differences;
}

std::vector<double> HolmCorrected(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> corrected(p_values.size());
  double largest = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, static_cast<double>(order.size() - rank) * p_values[order[rank]]);
    corrected[order[rank]] = std::min(1.0, largest);
  }
  return corrected;
}

void CorrectForMany(std::vector<Difference>& differences) {
  std::vector<double> p_values;
  for (const Difference& difference : differences) p_values.push_back(difference.p_value);
  const std::vector<double> corrected = HolmCorrected(p_values);
  for (std::size_t i = 0; i < corrected.size(); ++i) differences[i].corrected_p_value = corrected[i];
}

}  // namespace smartbatch::loadgen
