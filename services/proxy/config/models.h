// The models of a configuration.
#pragma once

#include <string>
#include <vector>

#include "services/proxy/config/config.h"

namespace smartbatch::proxy {

// One model, and the settings that hold for it: a whole configuration, in which those of the model stand in the place
// of the common ones.
struct ModelChoice {
  std::string name;
  Config config;
};

// The default model first, which the settings outside of `models` describe; then the further ones. The decision log of
// a further one goes to a file of its own: the name of the common one, a dot, and that of the model.
std::vector<ModelChoice> ModelsOf(const Config& config);

// The weight of that model on that device: 1 if the settings name none.
double DeviceWeightOf(const Config& config, const std::string& device, const std::string& model);

// INVALID_ARGUMENT if a device has no valid name or that of another one, names a model that is not there or names one
// twice; or if a backend of the default model names a device that is not there. `config` is the whole one.
absl::Status CheckDevices(const Config& config);

// INVALID_ARGUMENT if the name of a further model is not valid, taken, or not that of its backends; if it has no
// backends, or such as speak another protocol; or if its settings are wrong, as Config::Validate.
absl::Status CheckModels(const Config& config);

}  // namespace smartbatch::proxy
