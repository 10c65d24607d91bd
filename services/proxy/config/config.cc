#include "services/proxy/config/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>

#include "common/one_line.h"
#include "common/program/flags.h"
#include "common/program/logging.h"
#include "common/workload/customer_fields.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::proxy {
namespace {

constexpr char kExamples[] = R"(Examples:
  smartbatch-proxy
      in front of the backend at 127.0.0.1:50061
  smartbatch-proxy --backend 10.0.0.1:50061 --backend 10.0.0.2:50061 --slots 2
      two backends, each with two batches at once
  smartbatch-proxy --backend dns:///backends.internal:50061
      each address that the name stands for is a backend; the name is looked up again and again
  smartbatch-proxy --backend oip://127.0.0.1:8001/minilm --max-batch-size 32 --pad-input input_ids --pad-input attention_mask
      in front of a model of Triton, KServe or MLServer; their clients call the proxy as they call the server
  smartbatch-proxy --strategy fcfs --strategy-parameter linger_ms=0
      another strategy, or one that is set differently; ListStrategies of the admin service tells them all
  smartbatch-proxy --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
      ports that are free, named on standard output
  smartbatch-proxy --tls-cert proxy.pem --tls-key proxy.key --tls-client-ca customers.pem --admin-token-file token
      TLS, only for customers who show a certificate and for operators who know the token
  smartbatch-proxy --config proxy.textproto
      what proto/smartbatch/proxy/v1/config.proto describes; flags and environment win over it
Every flag can also be set in the environment: --some-flag is SMARTBATCH_SOME_FLAG (lists with commas between);
PROXY_STRATEGY is the same as SMARTBATCH_STRATEGY.
SIGTERM or SIGINT: refuse new requests, answer those that are there, then stop; a second one stops at once.
SIGHUP: read the file again and take over what has changed.)";

absl::Status Wrong(const std::string& setting, const std::string& value, const std::string& allowed) {
  return absl::InvalidArgumentError(OneLine(absl::StrCat(setting, " is ", value, "; ", allowed)));
}

absl::Status ValidateCost(const scheduling::CostModel& cost, const scheduling::SchedulerOptions& limits) {
  if (auto status = cost.Validate("cost-"); !status.ok()) return status;
  // What waits is added up in nanoseconds.
  constexpr double kLongestBatchSeconds = 1e6;
  const double longest = cost.Seconds(limits.max_batch_size, limits.max_sequence_length);
  if (!(longest <= kLongestBatchSeconds)) {
    return Wrong("the cost of the largest batch", absl::StrCat(longest, " seconds"),
                 "it must be at most 1000000: lower the terms cost-*, max-batch-size or max-sequence-length");
  }
  return absl::OkStatus();
}

// Pauses double twenty times, so that a longer one would be no time any more.
constexpr Duration kLongestTime = std::chrono::hours(1);

absl::Status ValidateFailures(const scheduling::SchedulerOptions& options) {
  const std::pair<const char*, Duration> times[] = {
      {"batch-timeout-seconds", options.batch_timeout_minimum},
      {"max-queued-cost-seconds", options.max_queued_cost},
      {"max-queued-cost-seconds-per-customer", options.max_queued_cost_per_customer},
      {"failures.pause_minimum_seconds", options.backends.pause_minimum},
      {"failures.pause_maximum_seconds", options.backends.pause_maximum},
      {"failures.unavailable_after_seconds", options.backends.unavailable_after}};
  for (const auto& [name, time] : times) {
    if (time <= Duration::zero() || time > kLongestTime) {
      return Wrong(name, absl::StrCat(ToSeconds(time)), "give seconds above 0, at most 3600");
    }
  }
  const double factor = options.batch_timeout_factor;
  if (!(factor >= 1 && factor <= 1000)) {
    return Wrong("failures.batch_timeout_factor", absl::StrCat(factor), "it must be from 1 to 1000");
  }
  return absl::OkStatus();
}

absl::Status ValidateObjective(const std::string& setting, double milliseconds) {
  if (milliseconds > 0 && milliseconds <= 3'600'000) return absl::OkStatus();
  return Wrong(setting, absl::StrCat(milliseconds), "give milliseconds above 0, at most 3600000");
}

absl::Status ValidateCustomers(const Config& config) {
  std::set<std::string> names;
  for (const CustomerChoice& customer : config.customers) {
    const double weight = customer.policy.weight;
    if (customer.name.empty()) return Wrong("a customer's name", "empty", "give the name that its calls carry");
    if (!workload::IsCustomerName(customer.name)) {
      return Wrong("a customer's name", program::Quoted(customer.name),
                   "no call can carry it; give 1 to 64 of letters, digits, '.', '_' and '-'");
    }
    if (!names.insert(customer.name).second) {
      return Wrong("a customer's name", customer.name + " for the second time", "put what is granted into one entry");
    }
    if (!std::isfinite(weight) || weight <= 0) {
      return Wrong("the weight of customer " + customer.name, absl::StrCat(weight), "give a number above 0");
    }
    if (customer.policy.max_queued_requests == 0U) {
      return Wrong("max_queued_requests of customer " + customer.name, "0", "it must be at least 1");
    }
    if (!customer.certificate_names.empty() && config.tls.client_ca.empty()) {
      return Wrong("certificate_names of customer " + customer.name, "set",
                   "they need --tls-client-ca (tls.client_ca), so that callers show certificates");
    }
    if (customer.policy.max_queued_bytes == 0U) {
      return Wrong("max_queued_bytes of customer " + customer.name, "0", "it must be at least 1");
    }
    const auto max_cost = customer.policy.max_queued_cost;
    if (max_cost && *max_cost <= Duration::zero()) {
      return Wrong("max_queued_cost_seconds of customer " + customer.name, absl::StrCat(ToSeconds(*max_cost)),
                   "give seconds above 0");
    }
    if (!customer.latency_objective_ms) continue;
    const std::string setting = "latency_objective_ms of customer " + customer.name;
    if (auto status = ValidateObjective(setting, *customer.latency_objective_ms); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool IsLoopback(const std::string& host) {
  in_addr address{};
  constexpr std::uint32_t kLoopbackNetwork = 127;
  return host == "localhost" || host == "[::1]" ||
         (inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == kLoopbackNetwork);
}

// Whoever reaches the admin port steers the proxy: beyond this machine it must be protected.
absl::Status ValidateAdmin(const Config& config) {
  program::HostPort address;
  std::string error;
  if (!program::ParseHostPort(config.admin_listen, address, error)) return absl::InvalidArgumentError(error);
  if (!config.tls.admin_client_names.empty() && config.tls.admin_client_ca.empty()) {
    return Wrong("admin-client-names", absl::StrJoin(config.tls.admin_client_names, ","),
                 "they need --admin-client-ca, so that operators show certificates");
  }
  if (IsLoopback(address.host) || !config.tls.admin_client_ca.empty() || !config.admin_token_file.empty()) {
    return absl::OkStatus();
  }
  return Wrong("admin-listen", config.admin_listen,
               "beyond loopback anybody could steer the proxy: ask for certificates with --admin-client-ca or for a "
               "token with --admin-token-file, or listen on 127.0.0.1");
}

absl::Status ValidateTls(const TlsChoice& tls) {
  if (tls.bound_customers_only && tls.client_ca.empty()) {
    return Wrong("tls.bound_customers_only", "true", "it needs --tls-client-ca, so that customers show certificates");
  }
  if (!tls.backend_server_name.empty() && tls.backend_ca.empty()) {
    return Wrong("backend-server-name", tls.backend_server_name, "it needs --backend-ca");
  }
  return absl::OkStatus();
}

absl::Status ValidateConnections(const rpc::ConnectionLimits& connections) {
  const double age = ToSeconds(connections.max_age);
  const double grace = ToSeconds(connections.max_age_grace);
  const double idle = ToSeconds(connections.max_idle);
  constexpr double kLongest = 2'000'000;  // gRPC counts milliseconds in 31 bits
  if (!(age >= 0 && age <= kLongest)) {
    return Wrong("max-connection-age-seconds", absl::StrCat(age), "it must be from 0 (for ever) to 2000000");
  }
  if (!(grace > 0 && grace <= kLongest)) {
    return Wrong("connections.max_age_grace_seconds", absl::StrCat(grace), "it must be above 0, at most 2000000");
  }
  if (!(idle >= 0 && idle <= kLongest)) {
    return Wrong("connections.max_idle_seconds", absl::StrCat(idle), "it must be from 0 (never closed) to 2000000");
  }
  if (connections.max_concurrent_calls < 1 || connections.max_concurrent_calls > 1'000'000) {
    return Wrong("connections.max_concurrent_calls", absl::StrCat(connections.max_concurrent_calls),
                 "it must be from 1 to 1000000");
  }
  if (connections.max_connections < 1 || connections.max_connections > 1'000'000) {
    return Wrong("connections.max_connections", absl::StrCat(connections.max_connections),
                 "it must be from 1 to 1000000");
  }
  if (connections.max_calls_in_transit < 1 || connections.max_calls_in_transit > 10'000'000) {
    return Wrong("connections.max_calls_in_transit", absl::StrCat(connections.max_calls_in_transit),
                 "it must be from 1 to 10000000");
  }
  const double timeout = ToSeconds(connections.transit_timeout);
  if (!(timeout > 0 && timeout <= 3600)) {
    return Wrong("connections.transit_timeout_seconds", absl::StrCat(timeout), "it must be above 0, at most 3600");
  }
  if (connections.max_receive_bytes < 16ULL << 20 || connections.max_receive_bytes > 1ULL << 40) {
    return Wrong("connections.max_receive_bytes", absl::StrCat(connections.max_receive_bytes),
                 "it must be from 16777216 to 1099511627776");
  }
  if (connections.max_metadata_bytes < 1024 || connections.max_metadata_bytes > 1'048'576) {
    return Wrong("connections.max_metadata_bytes", absl::StrCat(connections.max_metadata_bytes),
                 "it must be from 1024 to 1048576");
  }
  return absl::OkStatus();
}

// Twice, because connections take some of it.
absl::Status ValidateLargestRequest(const Config& config) {
  constexpr std::uint64_t kBytesPerCharacter = 4;
  const std::uint64_t largest =
      std::uint64_t{config.limits.max_batch_size} * config.limits.max_sequence_length * kBytesPerCharacter;
  if (config.connections.max_receive_bytes >= 2 * largest) return absl::OkStatus();
  return Wrong("connections.max_receive_bytes", absl::StrCat(config.connections.max_receive_bytes),
               absl::StrCat("it must be at least ", 2 * largest,
                            ", twice the largest request: raise it, or lower max-batch-size or max-sequence-length"));
}

absl::Status ValidateAddresses(const Config& config) {
  std::vector<std::string> addresses = {config.listen, config.admin_listen, config.metrics_listen};
  for (const BackendChoice& backend : config.backends) {
    const std::string address = backend.host_and_port();
    addresses.push_back(std::string(absl::StripPrefix(address, "dns:///")));
  }
  for (const std::string& address : addresses) {
    program::HostPort parsed;
    std::string error;
    if (!program::ParseHostPort(address, parsed, error)) return absl::InvalidArgumentError(OneLine(error));
  }
  return absl::OkStatus();
}

absl::Status ValidateWatching(const Config& config) {
  if (!(config.health_check_seconds == 0 ||
        (config.health_check_seconds >= 0.01 && config.health_check_seconds <= 3600))) {
    return Wrong("health-check-seconds", absl::StrCat(config.health_check_seconds),
                 "it must be 0 for none, or from 0.01 to 3600");
  }
  if (!(config.lookup_seconds >= 0.1 && config.lookup_seconds <= 3600)) {
    return Wrong("lookup-seconds", absl::StrCat(config.lookup_seconds), "it must be from 0.1 to 3600");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Config::Validate() const {
  if (auto status = ValidateAddresses(*this); !status.ok()) return status;
  if (backends.empty()) return Wrong("the list of backends", "empty", "give at least one (--backend host:port)");
  for (const BackendChoice& backend : backends) {
    if (backend.slots < 1 || backend.slots > 1024) {
      return Wrong("slots of " + backend.address, std::to_string(backend.slots), "it must be from 1 to 1024");
    }
  }
  if (auto status = open_inference.Validate(*this); !status.ok()) return status;
  if (auto status = ValidateFailures(limits); !status.ok()) return status;
  if (auto status = ValidateWatching(*this); !status.ok()) return status;
  if (auto status = ValidateObjective("latency-objective-ms", latency_objective_ms); !status.ok()) return status;
  if (auto status = limits.Validate(); !status.ok()) return status;
  if (auto choice = scheduling::CheckChoice(strategy); !choice.ok()) {
    return absl::InvalidArgumentError(OneLine(std::string(choice.status().message())));
  }
  if (auto status = ValidateCost(cost, limits); !status.ok()) return status;
  if (auto status = ValidateCustomers(*this); !status.ok()) return status;
  if (auto status = ValidateAdmin(*this); !status.ok()) return status;
  if (auto status = ValidateTls(tls); !status.ok()) return status;
  if (auto status = ValidateConnections(connections); !status.ok()) return status;
  if (auto status = ValidateLargestRequest(*this); !status.ok()) return status;
  if (threads < 1 || threads > 64) return Wrong("threads", std::to_string(threads), "it must be from 1 to 64");
  if (!(drain_seconds >= 0 && drain_seconds <= 3600)) {
    return Wrong("drain-seconds", absl::StrCat(drain_seconds), "it must be from 0 to 3600");
  }
  return absl::OkStatus();
}

ConfigFlags::ConfigFlags(CLI::App& app, Config& config)
    : config_(config),
      strategy_(config.strategy.name),
      batch_timeout_seconds_(ToSeconds(config.limits.batch_timeout_minimum)),
      max_connection_age_seconds_(ToSeconds(config.connections.max_age)),
      max_queued_cost_seconds_(ToSeconds(config.limits.max_queued_cost)),
      max_queued_cost_seconds_per_customer_(ToSeconds(config.limits.max_queued_cost_per_customer)) {
  for (const BackendChoice& backend : config.backends) backend_addresses_.push_back(backend.address);
  // As the weakest part of the environment it comes before the flags are parsed.
  if (const char* const name = std::getenv("PROXY_STRATEGY"); name != nullptr && *name != '\0') strategy_ = name;
  app.description(
      "Takes requests to classify texts, decides which of them share a batch and in which order, and has a backend "
      "answer.");
  app.footer(kExamples);
  program::AddFlag(app, "config", config_file_, "File with the settings that are structured; see the examples")
      ->type_name("FILE");
  AddListeners(app);
  AddScheduling(app);
  AddOpenInference(app);
  AddLimits(app);
  AddFailures(app);
  AddCost(app);
  AddSecurity(app);
  program::AddFlag(app, "threads", config.threads, "Threads that serve calls")->check(CLI::Range(1, 64));
  program::AddFlag(app, "latency-objective-ms", config.latency_objective_ms,
                   "Within what time a request should be answered; the file may say it for each customer");
  program::AddFlag(app, "drain-seconds", config.drain_seconds, "Longest wait for what is there when it stops")
      ->check(CLI::Range(0.0, 3600.0));
  program::AddFlag(app, "decision-log", config.decision_log,
                   "Write every request (customer and lengths, no text) and every batch to this file, for "
                   "`loadgen verify`; it grows without bound")
      ->type_name("FILE");
  program::AddLogFlags(app, config.log);
}

void ConfigFlags::AddListeners(CLI::App& app) {
  program::AddHostPortFlag(app, "listen", config_.listen, "Where customers call; port 0 takes a free port");
  program::AddHostPortFlag(app, "admin-listen", config_.admin_listen, "Where operators call; port 0 takes a free port");
  program::AddHostPortFlag(app, "metrics-listen", config_.metrics_listen,
                           "Where to serve /metrics to Prometheus; port 0 takes a free port");
  program::AddSharePortsFlag(app, config_.share_ports);
}

void ConfigFlags::AddScheduling(CLI::App& app) {
  backends_option_ =
      program::AddFlag(app, "backend", backend_addresses_,
                       "Address of a backend, dns:///NAME:PORT for all that NAME stands for, or oip://HOST:PORT/MODEL "
                       "for a server of the Open Inference Protocol; give it again for more")
          ->type_name("HOST:PORT")
          ->delimiter(',');
  slots_option_ =
      program::AddFlag(app, "slots", slots_, "Batches that each backend gets at once")->check(CLI::Range(1, 1024));
  program::AddFlag(app, "strategy", strategy_, "Strategy to start with")->type_name("NAME");
  program::AddFlag(app, "strategy-parameter", strategy_parameters_,
                   "Parameter of the strategy to start with; give it again for more")
      ->type_name("NAME=VALUE")
      ->delimiter(',');
}

void ConfigFlags::AddOpenInference(CLI::App& app) {
  program::AddFlag(app, "pad-input", padded_inputs_,
                   "Input of the model whose rows are padded to the longest of their batch, with 0 or that value; give "
                   "it again for more")
      ->type_name("NAME[=VALUE]")
      ->delimiter(',');
  program::AddFlag(app, "trim-output", config_.open_inference.trimmed_outputs,
                   "Output of the model whose rows are cut back to their own length; give it again for more")
      ->type_name("NAME")
      ->delimiter(',');
}

void ConfigFlags::AddLimits(CLI::App& app) {
  auto& limits = config_.limits;
  program::AddFlag(app, "max-batch-size", limits.max_batch_size, "Sequences in a batch, and in a request")
      ->check(CLI::Range(1, 1024));
  program::AddFlag(app, "max-sequence-length", limits.max_sequence_length,
                   "Characters (Unicode code points) in a sequence")
      ->check(CLI::Range(std::uint32_t{1}, scheduling::kLongestSequence));
  program::AddFlag(app, "max-queued-requests", limits.max_queued_requests,
                   "Requests that wait or are at a backend; more are refused")
      ->check(CLI::Range(1, 100'000'000));
  program::AddFlag(app, "max-queued-requests-per-customer", limits.max_queued_requests_per_customer,
                   "The same of one customer")
      ->check(CLI::Range(1, 100'000'000));
  program::AddFlag(app, "max-queued-bytes", limits.max_queued_bytes,
                   "Bytes of memory that those requests hold: texts, and some 16 KiB for each request")
      ->check(CLI::PositiveNumber);
  program::AddFlag(app, "max-queued-bytes-per-customer", limits.max_queued_bytes_per_customer,
                   "The same of one customer")
      ->check(CLI::PositiveNumber);
  program::AddFlag(app, "max-queued-cost-seconds", max_queued_cost_seconds_,
                   "Seconds that their sequences are predicted to take one by one");
  program::AddFlag(app, "max-queued-cost-seconds-per-customer", max_queued_cost_seconds_per_customer_,
                   "The same of one customer");
}

void ConfigFlags::AddFailures(CLI::App& app) {
  program::AddFlag(app, "batch-timeout-seconds", batch_timeout_seconds_,
                   "A batch is given up after so long (1 s, if that is shorter, once the backend's cost is known), or "
                   "after ten times the time that it is believed to take");
  program::AddFlag(app, "max-attempts", config_.limits.max_attempts,
                   "How often a sequence is sent at most where backends cannot be reached, or fail it alone")
      ->check(CLI::Range(1, 100));
  program::AddFlag(app, "health-check-seconds", config_.health_check_seconds,
                   "From one health check of a backend to the next, and how long it may take; 0 for none");
  program::AddFlag(app, "lookup-seconds", config_.lookup_seconds, "From one lookup of the backends' names to the next");
}

void ConfigFlags::AddCost(CLI::App& app) {
  program::AddCostFlags(app, "cost-", "What a batch is believed to cost at first: ", cost_,
                        program::InEnvironment::kYes);
}

void ConfigFlags::AddSecurity(CLI::App& app) {
  auto& tls = config_.tls;
  const auto add_file = [&app](const char* name, std::string& value, const char* help) {
    program::AddFlag(app, name, value, help)->type_name("FILE");
  };
  add_file("tls-cert", tls.certificate, "The proxy's certificate (PEM): speak TLS on the data and the admin port");
  add_file("tls-key", tls.key, "Its key (PEM)");
  add_file("tls-client-ca", tls.client_ca, "Customers must show a certificate of these authorities (PEM)");
  add_file("admin-client-ca", tls.admin_client_ca, "Operators must show a certificate of these authorities (PEM)");
  program::AddFlag(app, "admin-client-names", tls.admin_client_names,
                   "Their certificates must bear this name; give it again for more")
      ->type_name("NAME")
      ->delimiter(',');
  add_file("admin-token-file", config_.admin_token_file, "Operators must show the bearer token in this file");
  add_file("backend-ca", tls.backend_ca,
           "Speak TLS to the backends, which must show a certificate of these authorities (PEM)");
  program::AddFlag(app, "backend-server-name", tls.backend_server_name,
                   "The name that their certificates bear, if it is not that of their address")
      ->type_name("NAME");
  add_file("metrics-tls-cert", tls.metrics.certificate, "Certificate of the metrics port (PEM): speak HTTPS there");
  add_file("metrics-tls-key", tls.metrics.key, "Its key (PEM)");
  add_file("metrics-client-ca", tls.metrics.authorities,
           "Whoever scrapes must show a certificate of these authorities (PEM)");
  program::AddFlag(app, "max-connection-age-seconds", max_connection_age_seconds_,
                   "A connection takes no new call after so long; 0 for ever. Set it with --tls-cert");
}

absl::Status ConfigFlags::Finish() {
  if (backends_option_->count() > 0) {
    config_.backends.clear();
    for (const std::string& address : backend_addresses_) config_.backends.push_back({address, slots_});
  }
  if (slots_option_->count() > 0) {
    for (BackendChoice& backend : config_.backends) backend.slots = slots_;
  }
  if (!padded_inputs_.empty()) config_.open_inference.padded_inputs.clear();
  for (const std::string& text : padded_inputs_) {
    if (auto status = config_.open_inference.AddPaddedInput(text); !status.ok()) return status;
  }
  config_.cost = cost_.Over(config_.cost);
  config_.limits.batch_timeout_minimum = FromSeconds(batch_timeout_seconds_);
  config_.connections.max_age = FromSeconds(max_connection_age_seconds_);
  config_.limits.latency_objective = FromSeconds(config_.latency_objective_ms / 1000);
  config_.limits.max_queued_cost = FromSeconds(max_queued_cost_seconds_);
  config_.limits.max_queued_cost_per_customer = FromSeconds(max_queued_cost_seconds_per_customer_);
  // Another strategy has other parameters than those that the file sets.
  if (strategy_ != config_.strategy.name) config_.strategy = {strategy_, {}};
  for (const std::string& text : strategy_parameters_) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Wrong("strategy-parameter", "'" + text + "'", "write name=value, such as linger_ms=20");
    }
    config_.strategy.parameters[text.substr(0, equals)] = text.substr(equals + 1);
  }
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
    return {};  // the whole set of flags is parsed next, and tells what is wrong
  }
  return path;
}

}  // namespace smartbatch::proxy
