#include "services/metrics_endpoint/certificate_metrics.h"

#include <string>
#include <utility>
#include <vector>

#include <prometheus/metric_family.h>

#include "services/tls/certificate_watch.h"

namespace smartbatch::metrics {
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
    prometheus::MetricFamily expiry{"smartbatch_certificate_expiry_timestamp_seconds",
                                    "When the own certificate that is in use expires, since unix epoch in seconds.",
                                    prometheus::MetricType::Gauge,
                                    {}};
    prometheus::MetricFamily soon{"smartbatch_certificate_expires_soon",
                                  "1 when a fifth of its life, at most 14 days, or less is left of the own certificate "
                                  "that is in use, else 0.",
                                  prometheus::MetricType::Gauge,
                                  {}};
    prometheus::MetricFamily successful{"smartbatch_certificate_last_reload_successful",
                                        "1 when what the file and those that belong to it hold now is in use, 0 when "
                                        "it was rejected and what they held before is.",
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

}  // namespace smartbatch::metrics
