#include "tools/loadgen/analysis/verdict.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace smartbatch::loadgen {
namespace {

// Means of single blocks that are this close are called equal: one block is no more exact than that.
constexpr double kLevel = 0.02;

std::string DescribeOne(const std::string& workload, const StrategySummary& strategy) {
  const Slice& all = strategy.requests.all;
  return fmt::format("{}: {} answered {} of {} requests with a mean latency of {:.1f} ms.", workload,
                     strategy.strategy.name, all.answered, all.due, all.latency.mean);
}

const Difference* FindMeanDifference(const WorkloadAnalysis& analysis, const std::string& a, const std::string& b) {
  for (const Difference& difference : analysis.differences) {
    const bool same_pair =
        (difference.first == a && difference.second == b) || (difference.first == b && difference.second == a);
    if (same_pair && difference.figure == "mean latency") return &difference;
  }
  return nullptr;
}

// "20.1 ms (95 % interval 15.0 to 25.2)" without the sign: the sentence says which strategy is lower.
std::string Margin(const Difference& difference) {
  const Interval& interval = difference.interval;
  const double low = interval.mean < 0 ? -interval.high : interval.low;
  const double high = interval.mean < 0 ? -interval.low : interval.high;
  return fmt::format("{:.1f} ms (95 % interval {:.1f} to {:.1f} ms)", std::abs(interval.mean), low, high);
}

}  // namespace

std::string VerdictOn(const WorkloadAnalysis& analysis) {
  std::vector<const StrategySummary*> ranked;
  for (const StrategySummary& strategy : analysis.strategies) {
    if (strategy.requests.all.answered > 0) ranked.push_back(&strategy);
  }
  if (ranked.empty()) return fmt::format("{}: no request was answered.", analysis.workload);
  if (ranked.size() == 1) return DescribeOne(analysis.workload, *ranked.front());
  std::stable_sort(ranked.begin(), ranked.end(), [](const StrategySummary* a, const StrategySummary* b) {
    return a->requests.all.latency.mean < b->requests.all.latency.mean;
  });
  const StrategySummary& best = *ranked[0];
  const StrategySummary& second = *ranked[1];
  const std::string lead = fmt::format("{}: {} had the lowest mean latency, {:.1f} ms against {:.1f} ms for {}",
                                       analysis.workload, best.strategy.name, best.requests.all.latency.mean,
                                       second.requests.all.latency.mean, second.strategy.name);
  const bool level = second.requests.all.latency.mean < (1 + kLevel) * best.requests.all.latency.mean;
  const Difference* const difference = FindMeanDifference(analysis, best.strategy.name, second.strategy.name);
  if (difference == nullptr && level) {
    return fmt::format(
        "{}: {} and {} had the lowest mean latency, {:.1f} ms, within 2 % of each other in one block each.",
        analysis.workload, best.strategy.name, second.strategy.name, best.requests.all.latency.mean);
  }
  if (difference == nullptr) {
    return lead + "; one block each, so no interval: this may be chance (--repeats 5 tells).";
  }
  if (difference->significant()) return lead + ", a significant difference of " + Margin(*difference) + ".";
  return lead + "; no significant difference between the two: " + Margin(*difference) + ".";
}

}  // namespace smartbatch::loadgen
