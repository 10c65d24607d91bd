// The certificates that this process watches (tls::CertificateStates), read at every scrape.
#pragma once

#include <memory>

#include <prometheus/collectable.h>

namespace smartbatch::metrics_endpoint {

// Collects smartbatch_certificate_expiry_timestamp_seconds, ..._expires_soon and ..._last_reload_successful, each with
// the path of a file as the label `file`. A process without TLS has no such series. Thread safe.
std::shared_ptr<prometheus::Collectable> MakeCertificateMetrics();

}  // namespace smartbatch::metrics_endpoint
