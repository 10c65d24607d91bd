// What the proxy is told before it starts: flags over environment over file over defaults.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <CLI/CLI.hpp>

#include "common/program/cost_flags.h"
#include "common/program/logging.h"
#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/rpc/connection_limits.h"
#include "services/tls/tls_files.h"
#include "smartbatch/proxy/v1/config.pb.h"

namespace smartbatch::proxy {

struct BackendChoice {
  std::string address;  // as it was given: host:port, dns:///name:port, or oip:// before one of them and /MODEL behind
  std::uint32_t slots = 1;

  // The address without the protocol and the model.
  std::string host_and_port() const;
  // The model of a server of the Open Inference Protocol; empty for a backend of our own contract.
  std::string model() const;
};

// How requests of the Open Inference Protocol become batches.
struct Config;
struct OpenInferenceChoice {
  std::map<std::string, double> padded_inputs;
  std::vector<std::string> trimmed_outputs;
  std::uint64_t max_request_bytes = std::uint64_t{16} * 1024 * 1024;

  // From a flag: NAME or NAME=VALUE. INVALID_ARGUMENT if it is neither.
  absl::Status AddPaddedInput(const std::string& text);
  // As part of that configuration, and with its backends. INVALID_ARGUMENT as Config::Validate.
  absl::Status Validate(const Config& config) const;
};

struct CustomerChoice {
  std::string name;
  scheduling::CustomerPolicy policy;
  // Where there is none that of the whole configuration holds.
  std::optional<double> latency_objective_ms = {};
  // A certificate must bear one of them; empty: everybody may call as this customer.
  std::vector<std::string> certificate_names = {};
};

// Paths of files in PEM format; empty: not used.
struct TlsChoice {
  std::string certificate;
  std::string key;
  std::string client_ca;
  std::string admin_client_ca;
  std::vector<std::string> admin_client_names;
  std::string backend_ca;
  std::string backend_server_name;
  tls::TlsFiles metrics;
  bool bound_customers_only = false;
};

struct Config {
  std::string listen = "127.0.0.1:50051";
  std::string admin_listen = "127.0.0.1:50052";
  std::string metrics_listen = "127.0.0.1:9464";
  bool share_ports = false;
  std::vector<BackendChoice> backends = {{"127.0.0.1:50061", 1}};
  scheduling::StrategyChoice strategy = {"density", {}};
  scheduling::SchedulerOptions limits;
  scheduling::CostModel cost;
  double health_check_seconds = 1;
  double lookup_seconds = 5;
  OpenInferenceChoice open_inference;
  std::vector<CustomerChoice> customers;
  TlsChoice tls;
  std::string admin_token_file;
  rpc::ConnectionLimits connections;
  double latency_objective_ms = 1000;
  int threads = 1;
  double drain_seconds = 10;
  // Where to write what the scheduler was told and what it chose; empty for nowhere.
  std::string decision_log;
  program::LogOptions log;
  // What the file alone says over the defaults, as FieldsOf; empty without a file.
  std::map<std::string, std::string> file_fields;

  // The model that the backends serve by the Open Inference Protocol; empty if they speak our own contract.
  std::string model() const { return backends.empty() ? std::string() : backends.front().model(); }

  // INVALID_ARGUMENT names the setting, its value and what is allowed.
  absl::Status Validate() const;
};

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
  // Call it once the flags were parsed: brings into the config what CLI11 cannot. INVALID_ARGUMENT as above.
  absl::Status Finish();

 private:
  void AddListeners(CLI::App& app);
  void AddScheduling(CLI::App& app);
  void AddOpenInference(CLI::App& app);
  void AddLimits(CLI::App& app);
  void AddFailures(CLI::App& app);
  void AddCost(CLI::App& app);
  void AddSecurity(CLI::App& app);

  Config& config_;
  std::string config_file_;
  std::vector<std::string> backend_addresses_;
  std::uint32_t slots_ = 1;
  std::string strategy_;
  program::CostFlags cost_;
  double batch_timeout_seconds_;
  double max_connection_age_seconds_;
  double max_queued_cost_seconds_;
  double max_queued_cost_seconds_per_customer_;
  std::vector<std::string> strategy_parameters_;
  std::vector<std::string> padded_inputs_;
  CLI::Option* backends_option_ = nullptr;
  CLI::Option* slots_option_ = nullptr;
};

// What a program started with these arguments would run with now: flags, environment and the file, checked.
// INVALID_ARGUMENT as above.
absl::StatusOr<Config> ReadConfig(int argc, char** argv);

// The file that --config or SMARTBATCH_CONFIG names; empty where there is none. The file is read before the flags are.
std::string ConfigFileOf(int argc, char** argv);

}  // namespace smartbatch::proxy
