// The proxy's configuration. Flags win over the environment, the environment over the file, the file over the defaults.
// config.proto is the list of all settings.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <CLI/CLI.hpp>

#include "services/proxy/config/settings/setting_flags.h"
#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/rpc/connection_limits.h"
#include "services/tls/tls_files.h"
#include "smartbatch/proxy/v1/config.pb.h"

namespace smartbatch::proxy {

// Settings as config.proto describes them, with at least one backend.
v1::ProxyConfig DefaultSettings();

// What is common to all models, and what describes the default one; the further ones are in `settings.models`, and
// ModelsOf (models.h) tells what holds for each.
struct Config {
  // The settings in use; a field that is not set has its default.
  v1::ProxyConfig settings = DefaultSettings();
  // The settings without flags and environment.
  v1::ProxyConfig file = DefaultSettings();
  // By the path of a setting in the file: the flag (with --) that has set it, or whose variable in the environment has.
  std::map<std::string, std::string> flags;
  // The seed of the backends' pauses (BackendOptions). It is not a setting.
  std::uint64_t seed = 1;

  // The settings in the types of those who use them. Requires: the settings are valid.
  scheduling::SchedulerOptions limits() const;
  // The most rows of a request.
  std::uint32_t max_request_rows() const;
  scheduling::StrategyChoice strategy() const;
  CostModel cost() const;
  rpc::ConnectionLimits connections() const;
  tls::TlsFiles metrics_tls() const;
  // The model that the backends serve by the Open Inference Protocol; empty if they speak our own contract.
  std::string model() const;

  // Errors: INVALID_ARGUMENT, which names the setting, its value and what is allowed.
  absl::Status Validate() const;
};

scheduling::CustomerPolicy PolicyOf(const v1::CustomerConfig& customer);
// The address without the protocol and the model.
std::string HostAndPortOf(const v1::BackendConfig& backend);
// The model of a server of the Open Inference Protocol; empty for a backend of our own contract.
std::string ModelOf(const v1::BackendConfig& backend);

enum class ConfigFormat { kText, kJson };
// Sets in `config` what the text sets; the rest stays as it is.
// Errors: INVALID_ARGUMENT if the text is malformed, has an unknown field or sets nothing at all.
absl::Status ParseConfig(const std::string& text, ConfigFormat format, Config& config);
// The same for a regular file of at most 64 MB, which is JSON if its name ends in `.json`.
// Errors: INVALID_ARGUMENT also if the file cannot be read.
absl::Status ReadConfigFile(const std::string& path, Config& config);

// The program's flags, bound to a config. The app and the config must outlive the parsing.
class ConfigFlags {
 public:
  // Help shows the values in `config` as the defaults.
  ConfigFlags(CLI::App& app, Config& config);
  // Call it once the flags are parsed: puts the values that were given into the config. Errors: those of Validate.
  absl::Status Finish();

 private:
  CLI::App& app_;
  Config& config_;
  std::string config_file_;
  SettingFlags flags_;
};

// The configuration with which a program started now with these arguments would run: flags, environment and file,
// checked. Errors: INVALID_ARGUMENT as above.
absl::StatusOr<Config> ReadConfig(int argc, char** argv);

// The file that --config or SMARTBATCH_CONFIG names; empty if neither is given. It is read before the flags are.
std::string ConfigFileOf(int argc, char** argv);

}  // namespace smartbatch::proxy
