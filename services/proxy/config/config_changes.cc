#include "services/proxy/config/config_changes.h"

#include <map>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "common/field_error.h"
#include "services/proxy/config/settings/setting.h"

namespace smartbatch::proxy {
namespace {

// By the path of a setting in the file.
struct Field {
  std::string value;
  bool reloadable = false;
};
using Fields = std::map<std::string, Field>;

Fields FieldsOf(const v1::ProxyConfig& settings) {
  Fields fields;
  ForEachSetting(settings, [&fields](const Setting& setting) {
    fields.insert_or_assign(setting.path, Field{setting.Value(), setting.reloadable});
  });
  return fields;
}

Field FieldIn(const Fields& fields, const std::string& path) {
  const auto found = fields.find(path);
  return found == fields.end() ? Field() : found->second;
}

std::vector<FieldChange> Differences(const Fields& before, const Fields& after) {
  Fields all = after;
  all.insert(before.begin(), before.end());
  std::vector<FieldChange> changes;
  for (const auto& [path, field] : all) {
    FieldChange change{path, FieldIn(before, path).value, FieldIn(after, path).value, field.reloadable};
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

// In the order in which they are served.
std::string FurtherNames(const Config& config) {
  const auto name = [](std::string* out, const v1::ModelConfig& model) { out->append(model.name()); };
  return absl::StrJoin(config.settings.models(), ",", name);
}

std::string Shown(const std::string& value) { return value.empty() ? "not there" : value; }

}  // namespace

std::vector<FieldChange> Changes(const Config& before, const Config& after) {
  Fields old_fields = FieldsOf(before.settings);
  Fields new_fields = FieldsOf(after.settings);
  // Other backends can come while the proxy runs, of the same models.
  old_fields["open_inference.model"] = {before.model()};
  new_fields["open_inference.model"] = {after.model()};
  old_fields["models"] = {FurtherNames(before)};
  new_fields["models"] = {FurtherNames(after)};
  return Differences(old_fields, new_fields);
}

std::vector<FieldChange> Overridden(const Config& before, const Config& after) {
  const Fields used = FieldsOf(after.settings);
  std::vector<FieldChange> overridden;
  for (FieldChange& change : Differences(FieldsOf(before.file), FieldsOf(after.file))) {
    change.before = FieldIn(used, change.field).value;
    if (change.before != change.after) overridden.push_back(std::move(change));
  }
  return overridden;
}

absl::Status CheckCanChange(const std::vector<FieldChange>& changes) {
  for (const FieldChange& change : changes) {
    if (change.reloadable) continue;
    return FieldError(change.field,
                      absl::StrCat(change.field, " is ", Shown(change.after), " and was ", Shown(change.before),
                                   " at the start; it cannot change while the proxy runs: restart it, or set it back"));
  }
  return absl::OkStatus();
}

}  // namespace smartbatch::proxy
