// Exact statistics from raw samples.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace smartbatch {

// Samples of one quantity. Not thread safe.
class Sample {
 public:
  void Add(double value);
  void Reserve(std::size_t count) { values_.reserve(count); }
  void Append(const Sample& other);

  std::size_t count() const { return values_.size(); }
  bool empty() const { return values_.empty(); }
  // 0 if there is no sample.
  double Mean() const;
  // With n - 1 in the denominator; 0 if there are fewer than two samples.
  double StandardDeviation() const;
  double Minimum() const;
  double Maximum() const;

  // The smallest sample that at least `percent` of the samples do not exceed (nearest rank), percent in
  // (0, 100]; 0 if there is no sample. Sorts on the first call after an Add.
  double Percentile(double percent) const;

  // The same, but nothing if fewer than 10 samples lie above the rank: such a figure is chance.
  std::optional<double> TrustworthyPercentile(double percent) const;

  const std::vector<double>& values() const { return values_; }

 private:
  std::size_t RankOf(double percent) const;
  void Sort() const;

  mutable std::vector<double> values_;
  mutable bool sorted_ = true;
};

}  // namespace smartbatch
