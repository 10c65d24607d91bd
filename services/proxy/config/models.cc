#include "services/proxy/config/models.h"

#include <set>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "common/program/logging.h"
#include "common/workload/customer_fields.h"
#include "services/proxy/config/settings/setting.h"

namespace smartbatch::proxy {
namespace {

Config ConfigOf(const v1::ModelConfig& model, Config common) {
  v1::ProxyConfig& settings = common.settings;
  *settings.mutable_backends() = model.backends();
  if (model.has_strategy()) *settings.mutable_strategy() = model.strategy();
  if (model.has_open_inference()) *settings.mutable_open_inference() = model.open_inference();
  settings.mutable_limits()->MergeFrom(model.limits());
  if (model.cost().has_profile()) settings.clear_cost();
  settings.mutable_cost()->MergeFrom(model.cost());
  if (settings.has_decision_log()) {
    settings.set_decision_log(absl::StrCat(settings.decision_log(), ".", model.name()));
  }
  return common;
}

absl::Status CheckFurther(const ModelChoice& choice, const Config& common) {
  const std::string field = absl::StrCat("models[", choice.name, "].backends");
  if (choice.config.settings.backends().empty()) return Wrong(field, "empty", "name its backends");
  Config alone = choice.config;
  for (v1::DeviceConfig& device : *alone.settings.mutable_devices()) device.clear_shares();  // which name the others
  if (auto status = alone.Validate(); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("models[", choice.name, "]: ", status.message()));
  }
  const std::string served = choice.config.model();
  const std::string& first = choice.config.settings.backends(0).address();
  if (served.empty() != common.model().empty()) {
    return Wrong(field, first,
                 absl::StrCat("all models are called by one protocol, and the backend of the default one is ",
                              common.settings.backends(0).address()));
  }
  if (served.empty() || served == choice.name) return absl::OkStatus();
  return Wrong(field, first, "the model in the address must be that of the entry's name");
}

absl::Status CheckShares(const v1::DeviceConfig& device, const std::set<std::string>& models) {
  const std::string field = absl::StrCat("devices[", device.name(), "].shares");
  std::set<std::string> named;
  for (const v1::DeviceShareConfig& share : device.shares()) {
    if (!models.contains(share.model())) {
      return Wrong(field, program::Quoted(share.model()), "name one of the models " + absl::StrJoin(models, ", "));
    }
    if (!named.insert(share.model()).second) {
      return Wrong(field, share.model() + " for the second time", "put its weight into one entry");
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<ModelChoice> ModelsOf(const Config& config) {
  Config common = config;
  common.settings.clear_models();
  std::vector<ModelChoice> choices = {{common.model().empty() ? "default" : common.model(), common}};
  common.flags.clear();  // which have set the default one's
  for (const v1::ModelConfig& model : config.settings.models()) {
    choices.push_back({model.name(), ConfigOf(model, common)});
  }
  return choices;
}

double DeviceWeightOf(const Config& config, const std::string& device, const std::string& model) {
  for (const v1::DeviceConfig& known : config.settings.devices()) {
    if (known.name() != device) continue;
    for (const v1::DeviceShareConfig& share : known.shares()) {
      if (share.model() == model) return share.weight();
    }
  }
  return 1;
}

absl::Status CheckDevices(const Config& config) {
  std::set<std::string> models;
  for (const ModelChoice& choice : ModelsOf(config)) models.insert(choice.name);
  std::set<std::string> devices;
  for (const v1::DeviceConfig& device : config.settings.devices()) {
    if (!workload::IsCustomerName(device.name())) {
      return Wrong("a device's name", program::Quoted(device.name()),
                   "give 1 to 64 of letters, digits, '.', '_' and '-'");
    }
    if (!devices.insert(device.name()).second) {
      return Wrong("a device's name", device.name() + " for the second time", "give each device a name of its own");
    }
    if (auto status = CheckShares(device, models); !status.ok()) return status;
  }
  for (const v1::BackendConfig& backend : config.settings.backends()) {
    if (backend.device().empty() || devices.contains(backend.device())) continue;
    return Wrong(absl::StrCat("backends[", backend.address(), "].device"), program::Quoted(backend.device()),
                 "add it to devices, such as devices { name: \"gpu0\" slots: 1 }, or name one of those");
  }
  return absl::OkStatus();
}

absl::Status CheckModels(const Config& config) {
  constexpr int kMostModels = 64;  // each has threads and a queue of its own
  if (config.settings.models_size() >= kMostModels) {
    return Wrong("the number of models", absl::StrCat(config.settings.models_size() + 1),
                 absl::StrCat("at most ", kMostModels, " are allowed; start another proxy for the rest"));
  }
  std::set<std::string> names;
  for (const ModelChoice& choice : ModelsOf(config)) {
    if (!names.insert(choice.name).second) {
      return Wrong("a model's name", choice.name + " for the second time", "give each model a name of its own");
    }
    if (names.size() == 1) continue;  // the default one, which Validate checks
    if (!workload::IsCustomerName(choice.name)) {
      return Wrong("a model's name", program::Quoted(choice.name), "give 1 to 64 of letters, digits, '.', '_' and '-'");
    }
    if (auto status = CheckFurther(choice, config); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace smartbatch::proxy
