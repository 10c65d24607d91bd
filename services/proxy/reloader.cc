#include "services/proxy/reloader.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "common/program/logging.h"

namespace smartbatch::proxy {

Reloader::Reloader(Config running, Read read, Apply apply, Report report)
    : read_(std::move(read)), apply_(std::move(apply)), report_(std::move(report)), current_(std::move(running)) {}

Config Reloader::current() const {
  const MutexLock lock(mutex_);
  return current_;
}

absl::StatusOr<std::vector<FieldChange>> Reloader::Reload(bool validate_only) {
  const MutexLock lock(mutex_);
  auto changes = TryReload(validate_only);
  if (!changes.ok()) {
    spdlog::error("configuration: rejected, nothing has changed: {}", std::string(changes.status().message()));
  } else if (!validate_only) {
    spdlog::info("configuration: reloaded, {} settings have changed", changes->size());
    for (const FieldChange& change : *changes) {
      spdlog::info("configuration: {} was {} and is {}", program::Quoted(change.field), program::Quoted(change.before),
                   program::Quoted(change.after));
    }
  }
  if (!validate_only) report_(changes.ok());
  return changes;
}

absl::StatusOr<std::vector<FieldChange>> Reloader::TryReload(bool validate_only) {
  auto next = read_();
  if (!next.ok()) return next.status();
  auto changes = Changes(current_, *next);
  if (auto status = CheckCanChange(changes); !status.ok()) return status;
  if (validate_only) return changes;
  if (auto status = apply_(current_, *next); !status.ok()) return status;
  current_ = *std::move(next);
  return changes;
}

}  // namespace smartbatch::proxy
