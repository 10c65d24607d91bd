// The standard process_* metrics, read from /proc at every scrape:
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
#pragma once

#include <memory>

#include <prometheus/collectable.h>

namespace smartbatch::metrics_endpoint {

// process_cpu_seconds_total, process_open_fds, process_max_fds, process_virtual_memory_bytes,
// process_resident_memory_bytes, process_start_time_seconds and process_threads of this process. A metric that cannot
// be read is left out. Thread safe.
std::shared_ptr<prometheus::Collectable> MakeProcessMetrics();

}  // namespace smartbatch::metrics_endpoint
