#include "services/metrics_endpoint/metrics_endpoint.h"

#include <iterator>
#include <utility>

#include <prometheus/text_serializer.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/metrics_endpoint/certificate_metrics.h"
#include "services/metrics_endpoint/log_metrics.h"
#include "services/metrics_endpoint/process_metrics.h"

namespace smartbatch::metrics_endpoint {

absl::StatusOr<MetricsEndpoint> MetricsEndpoint::Start(const std::string& address,
                                                       std::shared_ptr<prometheus::Collectable> collectable,
                                                       tls::TlsFiles files, const net::Handover& handover,
                                                       std::vector<HttpServer::Document> others) {
  auto scrape = [collectable = std::move(collectable), process = MakeProcessMetrics(),
                 certificates = MakeCertificateMetrics(), log = MakeLogMetrics()] {
    auto families = collectable->Collect();
    for (const auto& more : {process, certificates, log}) {
      auto added = more->Collect();
      std::move(added.begin(), added.end(), std::back_inserter(families));
    }
    return prometheus::TextSerializer().Serialize(families);
  };
  others.push_back({"/metrics", "text/plain; version=0.0.4; charset=utf-8", std::move(scrape)});
  auto server = HttpServer::Start(address, files, std::move(others), handover);
  if (absl::IsUnavailable(server.status())) {
    return absl::UnavailableError(
        absl::StrCat("cannot serve metrics on ", address,
                     ": the port is taken or the host is not an address of this machine; choose another host:port"));
  }
  if (!server.ok()) return server.status();
  return MetricsEndpoint(*std::move(server));
}

}  // namespace smartbatch::metrics_endpoint
