#include "services/metrics_endpoint/certificate_metrics.h"

#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

#include "services/tls/certificate_watch.h"

namespace smartbatch::metrics_endpoint {
namespace {

void AddGauge(prometheus::MetricFamily& family, const std::string& file, double value) {
  prometheus::ClientMetric metric;
  metric.label = {{"file", file}};
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

class CertificateMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    prometheus::MetricFamily expiry{
        "smartbatch_certificate_expiry_timestamp_seconds",
        "When the process's own certificate in use expires, in seconds since the Unix epoch.",
        prometheus::MetricType::Gauge,
        {}};
    prometheus::MetricFamily soon{"smartbatch_certificate_expires_soon",
                                  "1 if the process's own certificate in use has a fifth of its life left, or 14 days "
                                  "if that is less; else 0.",
                                  prometheus::MetricType::Gauge,
                                  {}};
    prometheus::MetricFamily successful{"smartbatch_certificate_last_reload_successful",
                                        "1 if the file and those that belong to it are in use as they are now, 0 if "
                                        "they were rejected and their previous contents are in use.",
                                        prometheus::MetricType::Gauge,
                                        {}};
    for (const tls::CertificateState& state : tls::CertificateStates()) {
      const std::chrono::duration<double> expires = state.expires.time_since_epoch();
      if (expires.count() > 0) {
        AddGauge(expiry, state.file, expires.count());
        AddGauge(soon, state.file, state.expires_soon ? 1 : 0);
      }
      AddGauge(successful, state.file, state.usable ? 1 : 0);
    }
    std::vector<prometheus::MetricFamily> families;
    for (prometheus::MetricFamily& family : std::vector{expiry, soon, successful}) {
      if (!family.metric.empty()) families.push_back(std::move(family));
    }
    return families;
  }
};

}  // namespace

std::shared_ptr<prometheus::Collectable> MakeCertificateMetrics() { return std::make_shared<CertificateMetrics>(); }

}  // namespace smartbatch::metrics_endpoint
