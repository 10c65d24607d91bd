#include "services/proxy/config.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include <absl/strings/str_cat.h>

#include "common/one_line.h"
#include "common/program/flags.h"
#include "common/program/logging.h"
#include "common/workload/customer_fields.h"
#include "services/proxy/scheduling/strategy_registry.h"

namespace smartbatch::proxy {
namespace {

constexpr char kExamples[] = R"(Examples:
  smartbatch-proxy
      in front of the classifier at 127.0.0.1:50061
  smartbatch-proxy --classifier 10.0.0.1:50061 --classifier 10.0.0.2:50061 --slots 2
      two classifiers, each with two batches at once
  smartbatch-proxy --strategy fcfs --strategy-parameter linger_ms=0
      another strategy, or one that is set differently; ListStrategies of the admin service tells them all
  smartbatch-proxy --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
      ports that are free, named on standard output
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
  const std::pair<const char*, double> terms[] = {{"cost-fixed", cost.fixed},
                                                  {"cost-quadratic", cost.quadratic},
                                                  {"cost-per-sequence", cost.per_sequence},
                                                  {"cost-per-character", cost.per_character}};
  for (const auto& [name, value] : terms) {
    if (!std::isfinite(value) || value < 0) return Wrong(name, absl::StrCat(value), "give seconds, 0 or more");
  }
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

absl::Status ValidateCustomers(const std::vector<CustomerChoice>& customers) {
  std::set<std::string> names;
  for (const CustomerChoice& customer : customers) {
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
    if (!customer.latency_objective_ms) continue;
    const std::string setting = "latency_objective_ms of customer " + customer.name;
    if (auto status = ValidateObjective(setting, *customer.latency_objective_ms); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ValidateAddresses(const Config& config) {
  std::vector<std::string> addresses = {config.listen, config.admin_listen, config.metrics_listen};
  for (const BackendChoice& backend : config.backends) addresses.push_back(backend.address);
  for (const std::string& address : addresses) {
    program::HostPort parsed;
    std::string error;
    if (!program::ParseHostPort(address, parsed, error)) return absl::InvalidArgumentError(OneLine(error));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Config::Validate() const {
  if (auto status = ValidateAddresses(*this); !status.ok()) return status;
  if (backends.empty()) return Wrong("the list of classifiers", "empty", "give at least one (--classifier host:port)");
  for (const BackendChoice& backend : backends) {
    if (backend.slots < 1 || backend.slots > 1024) {
      return Wrong("slots of " + backend.address, std::to_string(backend.slots), "it must be from 1 to 1024");
    }
  }
  if (auto status = ValidateFailures(limits); !status.ok()) return status;
  if (auto status = limits.Validate(); !status.ok()) return status;
  if (auto choice = scheduling::CheckChoice(strategy); !choice.ok()) {
    return absl::InvalidArgumentError(OneLine(std::string(choice.status().message())));
  }
  if (auto status = ValidateCost(cost, limits); !status.ok()) return status;
  if (auto status = ValidateObjective("latency-objective-ms", latency_objective_ms); !status.ok()) return status;
  if (auto status = ValidateCustomers(customers); !status.ok()) return status;
  if (threads < 1 || threads > 64) return Wrong("threads", std::to_string(threads), "it must be from 1 to 64");
  if (!(drain_seconds >= 0 && drain_seconds <= 3600)) {
    return Wrong("drain-seconds", absl::StrCat(drain_seconds), "it must be from 0 to 3600");
  }
  return absl::OkStatus();
}

ConfigFlags::ConfigFlags(CLI::App& app, Config& config)
    : config_(config),
      strategy_(config.strategy.name),
      batch_timeout_seconds_(ToSeconds(config.limits.batch_timeout_minimum)) {
  for (const BackendChoice& backend : config.backends) classifiers_.push_back(backend.address);
  // As the weakest part of the environment it comes before the flags are parsed.
  if (const char* const name = std::getenv("PROXY_STRATEGY"); name != nullptr && *name != '\0') strategy_ = name;
  app.description(
      "Takes requests to classify texts, decides which of them share a batch and in which order, and has a classifier "
      "answer.");
  app.footer(kExamples);
  program::AddFlag(app, "config", config_file_, "File with the settings that are structured; see the examples")
      ->type_name("FILE");
  AddListeners(app);
  AddScheduling(app);
  AddLimits(app);
  AddFailures(app);
  AddCost(app);
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
}

void ConfigFlags::AddScheduling(CLI::App& app) {
  classifiers_option_ =
      program::AddFlag(app, "classifier", classifiers_, "Address of a classifier; give it again for more")
          ->type_name("HOST:PORT")
          ->delimiter(',');
  slots_option_ =
      program::AddFlag(app, "slots", slots_, "Batches that each classifier gets at once")->check(CLI::Range(1, 1024));
  program::AddFlag(app, "strategy", strategy_, "Strategy to start with")->type_name("NAME");
  program::AddFlag(app, "strategy-parameter", strategy_parameters_,
                   "Parameter of the strategy to start with; give it again for more")
      ->type_name("NAME=VALUE")
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
                   "Requests that wait or are at a classifier; more are refused")
      ->check(CLI::Range(1, 100'000'000));
  program::AddFlag(app, "max-queued-requests-per-customer", limits.max_queued_requests_per_customer,
                   "The same of one customer")
      ->check(CLI::Range(1, 100'000'000));
  program::AddFlag(app, "max-queued-bytes", limits.max_queued_bytes, "Bytes of the texts of those requests")
      ->check(CLI::PositiveNumber);
}

void ConfigFlags::AddFailures(CLI::App& app) {
  program::AddFlag(app, "batch-timeout-seconds", batch_timeout_seconds_,
                   "A batch is given up after so long, or after ten times the time that it is believed to take");
  program::AddFlag(app, "max-attempts", config_.limits.max_attempts,
                   "How often a sequence is sent at most where classifiers cannot be reached")
      ->check(CLI::Range(1, 100));
}

void ConfigFlags::AddCost(CLI::App& app) {
  program::AddFlag(app, "cost-fixed", config_.cost.fixed, "Seconds that any batch is believed to cost");
  program::AddFlag(app, "cost-quadratic", config_.cost.quadratic,
                   "Seconds for each squared character of its longest sequence");
  program::AddFlag(app, "cost-per-sequence", config_.cost.per_sequence, "Seconds for each of its sequences");
  program::AddFlag(app, "cost-per-character", config_.cost.per_character,
                   "Seconds for each of its sequences and character of the longest");
}

absl::Status ConfigFlags::Finish() {
  if (classifiers_option_->count() > 0) {
    config_.backends.clear();
    for (const std::string& address : classifiers_) config_.backends.push_back({address, slots_});
  }
  if (slots_option_->count() > 0) {
    for (BackendChoice& backend : config_.backends) backend.slots = slots_;
  }
  config_.limits.batch_timeout_minimum = FromSeconds(batch_timeout_seconds_);
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
