// Tells whether two strategies differ or it is chance: paired differences over repeats with the same arrivals.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace smartbatch::loadgen {

// A 95 % confidence interval of a mean, by Student's t.
struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
};

// Returns nothing for fewer than two values.
std::optional<Interval> MeanInterval(const std::vector<double>& values);

// A mean, and the probability that chance alone gives one as far from 0.
struct TestedMean {
  Interval interval;
  // Two-sided, of "the mean is 0".
  double p_value = 1;
};
// Requires at least two values. `resolution` is the smallest step in which the values are counted (0: none): values
// that are equal only because they are counted in such steps are not treated as exact.
TestedMean TestMean(const std::vector<double>& values, double resolution = 0);
// Tests the mean of `first` less that of `second`, which are independent, may have different variances and have at
// least two values each: Welch's test (1947).
TestedMean WelchDifference(const std::vector<double>& first, const std::vector<double>& second);

// The difference first - second of one figure, over the repeats that both have.
struct Difference {
  std::string figure;
  std::string unit;
  std::string first;
  std::string second;
  std::size_t pairs = 0;
  Interval interval;
  // Two-sided, of "there is no difference", before and after Holm's correction over all the differences that
  // are tested together.
  double p_value = 1;
  double corrected_p_value = 1;
  bool significant() const { return corrected_p_value < 0.05; }
};

// One figure of one strategy, a value for each repeat, in the same order for every strategy.
struct Series {
  std::string strategy;
  std::vector<double> values;
};

// Compares every pair of the series; empty for fewer than two repeats. The p-values are not yet corrected.
// `resolution` is as in TestMean.
std::vector<Difference> PairedDifferences(const std::string& figure, const std::string& unit,
                                          const std::vector<Series>& series, double resolution = 0);

// Holm's step-down correction (1979): if every corrected value below 0.05 is called significant, the chance of even one
// false alarm among them is at most 5 %.
std::vector<double> HolmCorrected(const std::vector<double>& p_values);
void CorrectForMany(std::vector<Difference>& differences);

}  // namespace smartbatch::loadgen
