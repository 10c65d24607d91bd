// The series of several sources in one scrape.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

namespace smartbatch::metrics {

// A family that several sources have is told once, with the series of all. Those of a source with a model get the label
// `model`; those without one keep their labels. Thread safe, as its sources are.
class JoinedMetrics final : public prometheus::Collectable {
 public:
  struct Source {
    std::shared_ptr<const prometheus::Collectable> metrics;
    std::string model = {};
  };

  explicit JoinedMetrics(std::vector<Source> sources) : sources_(std::move(sources)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::vector<Source> sources_;
};

}  // namespace smartbatch::metrics
