// What the operators' service steers and shows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/runtime/recent_decisions.h"
#include "services/proxy/transport/operators/operator_rights.h"

namespace smartbatch::transport {

// One setting that a reload has changed; a value is empty where the setting is not there.
struct SettingChange {
  std::string field;
  std::string before;
  std::string after;
};

// What a reload has come to.
struct ReloadedSettings {
  std::vector<SettingChange> changes;
  // What the file says otherwise than before without effect: `before` is the value that stays, `after` the file's.
  std::vector<SettingChange> overridden;
};

// What it names must outlive the server.
struct AdminTargets {
  runtime::Dispatcher& dispatcher;
  const runtime::Clock& clock;
  const runtime::RecentDecisions& decisions;
  // Reads the configuration again and takes it over, or with `validate_only` only checks it. Thread safe. Empty where
  // there is no configuration file.
  std::function<absl::StatusOr<ReloadedSettings>(bool validate_only)> reload;
  OperatorRights rights = {};
};

}  // namespace smartbatch::transport
