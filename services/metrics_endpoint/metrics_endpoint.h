// The HTTP endpoint that Prometheus scrapes.
#pragma once

#include <memory>
#include <string>

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>

#include "absl/status/statusor.h"

namespace smartbatch::metrics {

// Serves /metrics for as long as it lives: the collectable's series, those of the process (process_metrics.h) and a few
// of the endpoint's own (exposer_*). Movable; the served series may be scraped from any thread.
class MetricsEndpoint {
 public:
  // `address` is host:port, the host an IP address or a name; port 0 asks the system for a free one.
  // UNAVAILABLE, naming the address, where it cannot be bound. Holds a share of the collectable.
  static absl::StatusOr<MetricsEndpoint> Start(const std::string& address,
                                               std::shared_ptr<prometheus::Collectable> collectable);

  ~MetricsEndpoint();
  MetricsEndpoint(MetricsEndpoint&&) noexcept = default;
  MetricsEndpoint& operator=(MetricsEndpoint&&) = delete;

  // host:port with the port that was bound.
  const std::string& address() const { return address_; }

 private:
  MetricsEndpoint(std::string address, std::shared_ptr<prometheus::Collectable> collectable,
                  std::unique_ptr<prometheus::Exposer> exposer);

  std::string address_;
  std::shared_ptr<prometheus::Collectable> collectable_;
  std::shared_ptr<prometheus::Collectable> process_;
  std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace smartbatch::metrics
