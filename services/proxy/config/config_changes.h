// What is different between two configurations, and whether a running proxy can take it over.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>

#include "services/proxy/config/config.h"

namespace smartbatch::proxy {

// One setting that is different. A value is empty if the setting is not there at all.
struct FieldChange {
  // Its path in the file: `limits.max_queued_bytes`, `customers[A].weight`.
  std::string field;
  std::string before;
  std::string after;
  // Whether a running proxy can take it over.
  bool reloadable = false;
};

// By field.
std::vector<FieldChange> Changes(const Config& before, const Config& after);

// The settings that the file says otherwise than before without effect, because a flag or the environment says them
// too. `before` is the value that stays in use, `after` the file's; by field.
std::vector<FieldChange> Overridden(const Config& before, const Config& after);

// INVALID_ARGUMENT, with the field (smartbatch::FieldOf), both values and the remedy, if one of the settings cannot
// change while the proxy runs.
absl::Status CheckCanChange(const std::vector<FieldChange>& changes);

}  // namespace smartbatch::proxy
