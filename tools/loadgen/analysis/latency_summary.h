// The figures of one set of latencies.
#pragma once

#include <cstdint>
#include <optional>

#include "common/statistics.h"

namespace smartbatch::loadgen {

// In milliseconds, exact, from raw samples. A percentile with fewer than 10 samples above it is left out.
struct LatencySummary {
  std::uint64_t count = 0;
  double mean = 0;
  double standard_deviation = 0;
  double minimum = 0;
  double maximum = 0;
  std::optional<double> p50;
  std::optional<double> p90;
  std::optional<double> p95;
  std::optional<double> p99;
  std::optional<double> p999;
};

LatencySummary Summarize(const Sample& latencies_ms);

}  // namespace smartbatch::loadgen
