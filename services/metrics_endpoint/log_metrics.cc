#include "services/metrics_endpoint/log_metrics.h"

#include <cstdint>
#include <string>
#include <vector>

#include <prometheus/metric_family.h>

#include "common/program/limited_log.h"
#include "common/program/logging.h"

namespace smartbatch::metrics_endpoint {
namespace {

prometheus::ClientMetric Lines(const std::string& reason, std::uint64_t count) {
  prometheus::ClientMetric metric;
  metric.label = {{"reason", reason}};
  metric.counter.value = static_cast<double>(count);
  return metric;
}

class LogMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    return {{"smartbatch_log_lines_dropped_total",
             "Log lines that were not written, by reason: standard error was not read in time (unread), or too many "
             "lines of one kind came at once (rate).",
             prometheus::MetricType::Counter,
             {Lines("unread", program::LostLogLines()), Lines("rate", program::LeftOutLogLines())}}};
  }
};

}  // namespace

std::shared_ptr<prometheus::Collectable> MakeLogMetrics() { return std::make_shared<LogMetrics>(); }

}  // namespace smartbatch::metrics_endpoint
