// What the proxy is told before it starts: flags over environment over file over defaults. config.proto is the list of
// all settings.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <CLI/CLI.hpp>

#include "services/proxy/config/settings/flags.h"
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
  // What holds; what is not there has its default.
  v1::ProxyConfig settings = DefaultSettings();
  // The same without flags and environment.
  v1::ProxyConfig file = DefaultSettings();
  // The flag that has set it (with --), by the setting's path in the file; those of the environment too.
  std::map<std::string, std::string> flags;
  // Of the backends' pauses (BackendOptions): no setting.
  std::uint64_t seed = 1;

  // The settings in the words of those who need them; valid settings only.
  scheduling::SchedulerOptions limits() const;
  scheduling::StrategyChoice strategy() const;
  scheduling::CostModel cost() const;
  rpc::ConnectionLimits connections() const;
  tls::TlsFiles metrics_tls() const;
  // The model that the backends serve by the Open Inference Protocol; empty if they speak our own contract.
  std::string model() const;

  // INVALID_ARGUMENT names the setting, its value and what is allowed.
  absl::Status Validate() const;
};

scheduling::CustomerPolicy PolicyOf(const v1::CustomerConfig& customer);
// The address without the protocol and the model.
std::string HostAndPortOf(const v1::BackendConfig& backend);
// The model of a server of the Open Inference Protocol; empty for a backend of our own contract.
std::string ModelOf(const v1::BackendConfig& backend);

enum class ConfigFormat { kText, kJson };
// Takes what the text says into `config`: what it does not name stays as it is. INVALID_ARGUMENT when it is malformed,
// holds an unknown field or sets nothing at all.
absl::Status ParseConfig(const std::string& text, ConfigFormat format, Config& config);
// The same of a regular file of at most 64 MB, which is JSON when its name ends with `.json`. INVALID_ARGUMENT also
// when it cannot be read.
absl::Status ReadConfigFile(const std::string& path, Config& config);

// The program's flags, bound to a config. Both must outlive the parsing.
class ConfigFlags {
 public:
  // What `config` holds is shown as the defaults.
  ConfigFlags(CLI::App& app, Config& config);
  // Call it once the flags were parsed: brings into the config what was given. INVALID_ARGUMENT as above.
  absl::Status Finish();

 private:
  CLI::App& app_;
  Config& config_;
  std::string config_file_;
  SettingFlags flags_;
};

// What a program started with these arguments would run with now: flags, environment and the file, checked.
// INVALID_ARGUMENT as above.
absl::StatusOr<Config> ReadConfig(int argc, char** argv);

// The file that --config or SMARTBATCH_CONFIG names; empty if there is none. The file is read before the flags are.
std::string ConfigFileOf(int argc, char** argv);

}  // namespace smartbatch::proxy
