// What is different between two configurations, and whether a running proxy can take it over.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "services/proxy/config/config.h"

namespace smartbatch::proxy {

// Every setting as text, by its path in the file: `limits.max_queued_bytes`, `customers[A].weight`. Settings that are
// only flags (the log's) are left out.
std::map<std::string, std::string> FieldsOf(const Config& config);

// One setting that is different. A value is empty where the setting is not there at all.
struct FieldChange {
  std::string field;
  std::string before;
  std::string after;
};

// By field.
std::vector<FieldChange> Changes(const Config& before, const Config& after);

// The settings that the file says otherwise than before without effect, because a flag or the environment says them
// too. `before` is the value that stays in use, `after` the file's; by field.
std::vector<FieldChange> Overridden(const Config& before, const Config& after);

// INVALID_ARGUMENT, with the field (smartbatch::FieldOf), both values and the remedy, where one of the settings cannot
// change while the proxy runs.
absl::Status CheckCanChange(const std::vector<FieldChange>& changes);

}  // namespace smartbatch::proxy
