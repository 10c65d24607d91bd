// Brings a changed configuration file into the running proxy: all of it or nothing.
#pragma once

#include <functional>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/mutex.h"
#include "services/proxy/config/config.h"
#include "services/proxy/config/config_changes.h"

namespace smartbatch::proxy {

// Thread safe: a signal and an operator may ask at the same time, and one comes after the other.
class Reloader {
 public:
  // What to run with now, checked.
  using Read = std::function<absl::StatusOr<Config>()>;
  // Brings the new configuration in; if it fails nothing has changed.
  using Apply = std::function<absl::Status(const Config& before, const Config& after)>;
  // Told how each attempt that was not only to validate ended.
  using Report = std::function<void(bool successful)>;

  Reloader(Config running, Read read, Apply apply, Report report);

  struct Reloaded {
    std::vector<FieldChange> changes;
    // What the file has changed without effect, as Overridden.
    std::vector<FieldChange> overridden;
  };

  // What has changed, and was taken over unless `validate_only`; logged either way. INVALID_ARGUMENT, and nothing
  // changes, if the file is wrong or holds a change that needs a restart.
  absl::StatusOr<Reloaded> Reload(bool validate_only = false);

  // What the proxy runs with.
  Config current() const;

 private:
  absl::StatusOr<Reloaded> TryReload(bool validate_only) SMARTBATCH_REQUIRES(mutex_);

  const Read read_;
  const Apply apply_;
  const Report report_;
  mutable Mutex mutex_;
  Config current_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::proxy
