// What the proxy is told before it starts: flags over environment over file over defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <CLI/CLI.hpp>

#include "common/program/logging.h"
#include "services/proxy/scheduling/customer.h"
#include "services/proxy/scheduling/scheduler.h"
#include "smartbatch/proxy/v1/config.pb.h"

namespace smartbatch::proxy {

struct BackendChoice {
  std::string address;
  std::uint32_t slots = 1;
};

struct CustomerChoice {
  std::string name;
  scheduling::CustomerPolicy policy;
  // Where there is none that of the whole configuration holds.
  std::optional<double> latency_objective_ms = {};
};

struct Config {
  std::string listen = "127.0.0.1:50051";
  std::string admin_listen = "127.0.0.1:50052";
  std::string metrics_listen = "127.0.0.1:9464";
  std::vector<BackendChoice> backends = {{"127.0.0.1:50061", 1}};
  scheduling::StrategyChoice strategy = {"density", {}};
  scheduling::SchedulerOptions limits;
  scheduling::CostModel cost;
  std::vector<CustomerChoice> customers;
  double latency_objective_ms = 1000;
  int threads = 1;
  double drain_seconds = 10;
  // Where to write what the scheduler was told and what it chose; empty for nowhere.
  std::string decision_log;
  program::LogOptions log;

  // INVALID_ARGUMENT names the setting, its value and what is allowed.
  absl::Status Validate() const;
};

enum class ConfigFormat { kText, kJson };
// Takes what the text says into `config`: what it does not name stays as it is. INVALID_ARGUMENT where it is malformed
// or holds an unknown field.
absl::Status ParseConfig(const std::string& text, ConfigFormat format, Config& config);
// The same of a file, which is JSON where its name ends with `.json`. INVALID_ARGUMENT too where it cannot be read.
absl::Status ReadConfigFile(const std::string& path, Config& config);

// The program's flags, bound to a config. Both must outlive the parsing.
class ConfigFlags {
 public:
  // What `config` holds is shown as the defaults.
  ConfigFlags(CLI::App& app, Config& config);
  // Call it once the flags were parsed: brings into the config what CLI11 cannot. INVALID_ARGUMENT as above.
  absl::Status Finish();

 private:
  void AddListeners(CLI::App& app);
  void AddScheduling(CLI::App& app);
  void AddLimits(CLI::App& app);
  void AddFailures(CLI::App& app);
  void AddCost(CLI::App& app);

  Config& config_;
  std::string config_file_;
  std::vector<std::string> classifiers_;
  std::uint32_t slots_ = 1;
  std::string strategy_;
  double batch_timeout_seconds_;
  std::vector<std::string> strategy_parameters_;
  CLI::Option* classifiers_option_ = nullptr;
  CLI::Option* slots_option_ = nullptr;
};

// What a program started with these arguments would run with now: flags, environment and the file, checked.
// INVALID_ARGUMENT as above.
absl::StatusOr<Config> ReadConfig(int argc, char** argv);

// The file that --config or SMARTBATCH_CONFIG names; empty where there is none. The file is read before the flags are.
std::string ConfigFileOf(int argc, char** argv);

}  // namespace smartbatch::proxy
