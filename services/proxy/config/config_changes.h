// The differences between two configurations, and whether a running proxy can take them over.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>

#include "services/proxy/config/config.h"

namespace smartbatch::proxy {

// One setting that differs. A value is empty if the setting is absent.
struct FieldChange {
  // Its path in the file: `limits.max_queued_bytes`, `customers[A].weight`.
  std::string field;
  std::string before;
  std::string after;
  // Whether a running proxy can take the change over.
  bool reloadable = false;
};

// By field.
std::vector<FieldChange> Changes(const Config& before, const Config& after);

// The settings whose change in the file has no effect, because a flag or the environment sets them too. `before` is the
// value that stays in use, `after` the file's. By field.
std::vector<FieldChange> Overridden(const Config& before, const Config& after);

// Errors: INVALID_ARGUMENT, with the field (smartbatch::FieldOf), both values and the remedy, if one of the settings
// cannot change while the proxy runs.
absl::Status CheckCanChange(const std::vector<FieldChange>& changes);

}  // namespace smartbatch::proxy
