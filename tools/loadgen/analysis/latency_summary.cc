#include "tools/loadgen/analysis/latency_summary.h"

namespace smartbatch::loadgen {

LatencySummary Summarize(const Sample& latencies_ms) {
  LatencySummary summary;
  summary.count = latencies_ms.count();
  summary.mean = latencies_ms.Mean();
  summary.standard_deviation = latencies_ms.StandardDeviation();
  summary.minimum = latencies_ms.Minimum();
  summary.maximum = latencies_ms.Maximum();
  summary.p50 = latencies_ms.TrustworthyPercentile(50);
  summary.p90 = latencies_ms.TrustworthyPercentile(90);
  summary.p95 = latencies_ms.TrustworthyPercentile(95);
  summary.p99 = latencies_ms.TrustworthyPercentile(99);
  summary.p999 = latencies_ms.TrustworthyPercentile(99.9);
  return summary;
}

}  // namespace smartbatch::loadgen
