// The HTTP endpoint that Prometheus scrapes.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>

#include "absl/status/statusor.h"
#include "services/metrics_endpoint/http_server.h"
#include "services/tls/tls_files.h"

namespace smartbatch::metrics_endpoint {

// Serves /metrics for as long as it lives: the series of the collectable, of the process (process_metrics.h), of its
// certificates (certificate_metrics.h) and of its log (log_metrics.h). It serves other documents too, if any are given.
// Movable. A thread of the endpoint asks the collectable.
class MetricsEndpoint {
 public:
  // `address` is host:port, the host an IP address or a name; port 0 asks the system for a free one. Over TLS if
  // `files` has a certificate. UNAVAILABLE, naming the address, if it cannot be bound; INVALID_ARGUMENT as
  // tls::CheckServerFiles. Shares ownership of the collectable.
  static absl::StatusOr<MetricsEndpoint> Start(const std::string& address,
                                               std::shared_ptr<prometheus::Collectable> collectable,
                                               tls::TlsFiles files = {}, const net::Handover& handover = {},
                                               std::vector<HttpServer::Document> others = {});

  // host:port with the port that was bound.
  const std::string& address() const { return server_->address(); }

  // As HttpServer::StopAccepting.
  void StopAccepting() { server_->StopAccepting(); }

 private:
  explicit MetricsEndpoint(std::unique_ptr<HttpServer> server) : server_(std::move(server)) {}

  std::unique_ptr<HttpServer> server_;
};

}  // namespace smartbatch::metrics_endpoint
