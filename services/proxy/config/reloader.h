// Takes a changed configuration file over into the running proxy: all of it or nothing.
#pragma once

#include <functional>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/mutex.h"
#include "services/proxy/config/config.h"
#include "services/proxy/config/config_changes.h"

namespace smartbatch::proxy {

// Reloads the configuration. Thread safety: safe; reloads by a signal and by operators are made one after the other.
class Reloader {
 public:
  // Returns the configuration to run with now, checked.
  using Read = std::function<absl::StatusOr<Config>()>;
  // Takes the new configuration over. If it fails, nothing has changed.
  using Apply = std::function<absl::Status(const Config& before, const Config& after)>;
  // Called after each reload that was more than a validation.
  using Report = std::function<void(bool successful)>;

  Reloader(Config running, Read read, Apply apply, Report report);

  struct Reloaded {
    std::vector<FieldChange> changes;
    // The changes of the file that have no effect (Overridden).
    std::vector<FieldChange> overridden;
  };

  // Returns what has changed, which was taken over unless `validate_only`; logs it either way.
  // Errors: INVALID_ARGUMENT, and nothing changes, if the file is wrong or has a change that needs a restart.
  absl::StatusOr<Reloaded> Reload(bool validate_only = false);

  // The configuration that the proxy runs with.
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
