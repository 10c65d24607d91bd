#include "services/proxy/observers/backend_log.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace smartbatch::proxy {

void BackendLog::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  known_[id] = {.address = backend.name};
}

void BackendLog::BatchTooLarge(scheduling::BackendId id, std::uint32_t sequences, std::uint32_t limit) {
  Known& known = known_[id];
  if (std::exchange(known.told_limit, limit) == limit) return;
  spdlog::warn(
      "backend {} refused a batch of {} sequences but accepts them one by one: it gets at most {} from now on, "
      "although "
      "max-batch-size is {}; give both the same limit",
      known.address, sequences, limit, max_batch_size_);
}

}  // namespace smartbatch::proxy
