// Metrics of the program's own log.
#pragma once

#include <memory>

#include <prometheus/collectable.h>

namespace smartbatch::metrics_endpoint {

// Collects smartbatch_log_lines_dropped_total of this process. Thread safe.
std::shared_ptr<prometheus::Collectable> MakeLogMetrics();

}  // namespace smartbatch::metrics_endpoint
