#include "common/statistics.h"

#include <algorithm>
#include <cmath>

namespace smartbatch {
namespace {

constexpr std::size_t kSamplesAboveTrustworthyRank = 10;

}  // namespace

void Sample::Add(double value) {
  sorted_ = sorted_ && (values_.empty() || values_.back() <= value);
  values_.push_back(value);
}

void Sample::Append(const Sample& other) {
  values_.insert(values_.end(), other.values_.begin(), other.values_.end());
  sorted_ = false;
}

double Sample::Mean() const {
  if (values_.empty()) return 0;
  double sum = 0;
  for (const double value : values_) sum += value;
  return sum / static_cast<double>(values_.size());
}

double Sample::StandardDeviation() const {
  if (values_.size() < 2) return 0;
  const double mean = Mean();
  double squares = 0;
  for (const double value : values_) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values_.size() - 1));
}

double Sample::Minimum() const { return values_.empty() ? 0 : *std::min_element(values_.begin(), values_.end()); }
double Sample::Maximum() const { return values_.empty() ? 0 : *std::max_element(values_.begin(), values_.end()); }

std::size_t Sample::RankOf(double percent) const {
  const double rank = std::ceil(percent / 100.0 * static_cast<double>(values_.size()) - 1e-9);
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::max(rank, 1.0)), 1, values_.size());
}

void Sample::Sort() const {
  if (!sorted_) std::sort(values_.begin(), values_.end());
  sorted_ = true;
}

double Sample::Percentile(double percent) const {
  if (values_.empty()) return 0;
  Sort();
  return values_[RankOf(percent) - 1];
}

std::optional<double> Sample::TrustworthyPercentile(double percent) const {
  if (values_.empty() || values_.size() - RankOf(percent) < kSamplesAboveTrustworthyRank) return std::nullopt;
  return Percentile(percent);
}

}  // namespace smartbatch
