#include "services/proxy/config/reloader.h"

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

absl::StatusOr<Reloader::Reloaded> Reloader::Reload(bool validate_only) {
  const MutexLock lock(mutex_);
  auto reloaded = TryReload(validate_only);
  if (!reloaded.ok()) {
    spdlog::error("configuration: rejected, nothing has changed: {}", std::string(reloaded.status().message()));
  } else if (!validate_only) {
    spdlog::info("configuration: reloaded, {} settings have changed", reloaded->changes.size());
    for (const FieldChange& change : reloaded->changes) {
      spdlog::info("configuration: {} was {} and is {}", program::Quoted(change.field), program::Quoted(change.before),
                   program::Quoted(change.after));
    }
    for (const FieldChange& change : reloaded->overridden) {
      spdlog::warn("configuration: {} stays {}, because a flag or the environment says so; the file's {} has no effect",
                   program::Quoted(change.field), program::Quoted(change.before), program::Quoted(change.after));
    }
  }
  if (!validate_only) report_(reloaded.ok());
  return reloaded;
}

absl::StatusOr<Reloader::Reloaded> Reloader::TryReload(bool validate_only) {
  auto next = read_();
  if (!next.ok()) return next.status();
  Reloaded reloaded{Changes(current_, *next), Overridden(current_, *next)};
  if (auto status = CheckCanChange(reloaded.changes); !status.ok()) return status;
  if (validate_only) return reloaded;
  if (auto status = apply_(current_, *next); !status.ok()) return status;
  current_ = *std::move(next);
  return reloaded;
}

}  // namespace smartbatch::proxy
