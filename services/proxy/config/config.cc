#include "services/proxy/config/config.h"

#include <cstdlib>

#include "common/program/flags.h"
#include "services/proxy/config/settings/tables.h"

namespace smartbatch::proxy {
namespace {

constexpr char kExamples[] = R"(Examples:
  smartbatch-proxy
      in front of the backend at 127.0.0.1:50061
  smartbatch-proxy --backend 10.0.0.1:50061 --backend 10.0.0.2:50061 --slots 2
      two backends, each with two batches at once
  smartbatch-proxy --backend dns:///backends.internal:50061
      each address that the name stands for is a backend; the name is looked up regularly
  smartbatch-proxy --backend oip://127.0.0.1:8001/minilm --max-batch-size 32 --pad-input input_ids --pad-input attention_mask
      in front of a model of Triton, KServe or MLServer; their clients call the proxy as they call the server
  smartbatch-proxy --strategy fcfs --strategy-parameter linger_ms=0
      another strategy, or other parameters; the admin service's ListStrategies names them all
  smartbatch-proxy --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
      free ports, named on standard output
  smartbatch-proxy --tls-cert proxy.pem --tls-key proxy.key --tls-client-ca customers.pem --admin-token-file token
      TLS, only for customers who show a certificate and for operators who know the token
  smartbatch-proxy --config proxy.textproto
      what proto/smartbatch/proxy/v1/config.proto and --config-fields describe; flags and environment win over it
Every flag can also be set in the environment: --some-flag is SMARTBATCH_SOME_FLAG (lists with commas between);
PROXY_STRATEGY is the same as SMARTBATCH_STRATEGY.
SIGTERM or SIGINT: refuse new requests, answer the accepted ones, then stop; a second signal stops at once.
SIGHUP: read the file again and take over what has changed.)";

}  // namespace

ConfigFlags::ConfigFlags(CLI::App& app, Config& config) : app_(app), config_(config) {
  app.description(
      "Takes requests to classify texts, decides which of them share a batch and in which order, and has a backend "
      "answer.");
  app.footer(absl::StrCat("Strategies: ", scheduling::StrategyNames(),
                          ". `loadgen strategy list` tells what each does and what can be set.\n\n", kExamples));
  program::AddFlag(app, "config", config_file_, "File with the settings that are structured; see the examples")
      ->type_name("FILE");
  app.add_flag_callback(
      "--config-fields", [] { throw CLI::CallForVersion(SettingTables(*v1::ProxyConfig::descriptor()), 0); },
      "Print what --config FILE may hold, as tables in Markdown, and exit");
  flags_.Add(app, config.settings);
}

absl::Status ConfigFlags::Finish() {
  v1::ProxyConfig& settings = config_.settings;
  const auto is_given = [this](const char* flag) { return app_.get_option(flag)->count() > 0; };
  if (is_given("--cost-profile")) settings.clear_cost();
  // SMARTBATCH_STRATEGY wins over PROXY_STRATEGY.
  const char* const variable = std::getenv("PROXY_STRATEGY");
  std::string strategy = settings.strategy().name();
  if (variable != nullptr && *variable != '\0') strategy = variable;
  if (is_given("--strategy")) strategy = app_.get_option("--strategy")->as<std::string>();
  if (strategy != settings.strategy().name()) {
    settings.clear_strategy();  // the file's parameters belong to the file's strategy
    settings.mutable_strategy()->set_name(strategy);
  }
  if (auto status = flags_.PutInto(settings, config_.flags); !status.ok()) return status;
  return config_.Validate();
}

absl::StatusOr<Config> ReadConfig(int argc, char** argv) {
  Config config;
  if (const std::string file = ConfigFileOf(argc, argv); !file.empty()) {
    if (auto status = ReadConfigFile(file, config); !status.ok()) return status;
  }
  CLI::App app;
  ConfigFlags flags(app, config);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  if (auto status = flags.Finish(); !status.ok()) return status;
  return config;
}

std::string ConfigFileOf(int argc, char** argv) {
  std::string path;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  program::AddFlag(app, "config", path, "");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError&) {
    return {};  // the caller parses all flags next, which reports the error
  }
  return path;
}

}  // namespace smartbatch::proxy
