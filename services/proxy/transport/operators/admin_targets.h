// What the operators' service controls and shows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/model_table.h"
#include "services/proxy/transport/operators/operator_rights.h"

namespace smartbatch::transport {

// One setting that a reload has changed. A value is empty if the setting was not, or is no longer, set.
struct SettingChange {
  std::string field;
  std::string before;
  std::string after;
};

// The result of a reload.
struct ReloadedSettings {
  std::vector<SettingChange> changes;
  // Settings that changed in the file without effect: `before` is the value that stays in use, `after` the file's.
  std::vector<SettingChange> overridden;
};

// What the operators' service works on. All of it must outlive the server.
struct AdminTargets {
  const runtime::ModelTable& models;
  const runtime::Clock& clock;
  // Reads the configuration again and takes it over, or with `validate_only` only checks it. Thread safe. Empty where
  // there is no configuration file.
  std::function<absl::StatusOr<ReloadedSettings>(bool validate_only)> reload;
  OperatorRights rights = {};
};

}  // namespace smartbatch::transport
