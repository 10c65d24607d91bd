#include "services/proxy/observers/batch_log.h"

#include <absl/status/status.h>
#include <spdlog/spdlog.h>

namespace smartbatch::proxy {

void BatchLog::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  addresses_[id] = backend.name;
}

void BatchLog::BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  spdlog::debug(
      "batch={} backend={} strategy={} reason={} sequences={} requests={} longest={} predicted_ms={:.3f} "
      "took_ms={:.3f} dead={} code={}",
      batch.id, addresses_[batch.backend], batch.strategy, scheduling::Name(batch.reason), batch.members.size(),
      scheduling::RequestsIn(batch), batch.longest, batch.predicted_seconds * 1e3, ToSeconds(took) * 1e3, batch.dead,
      absl::StatusCodeToString(status.code()));
}

}  // namespace smartbatch::proxy
