#include "services/proxy/observers/metrics/joined_metrics.h"

#include <cstddef>
#include <iterator>
#include <map>

namespace smartbatch::metrics {

std::vector<prometheus::MetricFamily> JoinedMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> joined;
  std::map<std::string, std::size_t> places;  // by the family's name
  for (const Source& source : sources_) {
    for (prometheus::MetricFamily& family : source.metrics->Collect()) {
      if (!source.model.empty()) {
        for (prometheus::ClientMetric& metric : family.metric) metric.label.push_back({"model", source.model});
      }
      const auto [place, is_new] = places.try_emplace(family.name, joined.size());
      if (is_new) {
        joined.push_back(std::move(family));
      } else {
        std::move(family.metric.begin(), family.metric.end(), std::back_inserter(joined[place->second].metric));
      }
    }
  }
  return joined;
}

}  // namespace smartbatch::metrics
