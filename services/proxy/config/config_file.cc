// The configuration file: reading it, and what it means.
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include "common/cost_model.h"
#include "common/file.h"
#include "common/one_line.h"
#include "services/proxy/config/config.h"
#include "services/proxy/config/config_changes.h"

namespace smartbatch::proxy {
namespace {

// Room for some hundred thousand customers.
constexpr std::size_t kLargestFileBytes = 64'000'000;

// Keeps the first error: the others often follow from it.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) text = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  std::string text;
};

absl::Status ParseText(const std::string& text, v1::ProxyConfig& file) {
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(text, &file)) return absl::OkStatus();
  return absl::InvalidArgumentError(error.text);
}

absl::Status ParseJson(const std::string& text, v1::ProxyConfig& file) {
  const auto status = google::protobuf::util::JsonStringToMessage(text, &file);
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(status.message()));
}

template <class Value, class Field>
void Take(bool given, const Field& field, Value& value) {
  if (given) value = static_cast<Value>(field);
}

void TakeSeconds(bool given, double seconds, Duration& duration) {
  if (given) duration = FromSeconds(seconds);
}

void Apply(const v1::LimitsConfig& file, scheduling::SchedulerOptions& limits) {
  Take(file.has_max_batch_size(), file.max_batch_size(), limits.max_batch_size);
  Take(file.has_max_sequence_length(), file.max_sequence_length(), limits.max_sequence_length);
  Take(file.has_max_queued_requests(), file.max_queued_requests(), limits.max_queued_requests);
  Take(file.has_max_queued_requests_per_customer(), file.max_queued_requests_per_customer(),
       limits.max_queued_requests_per_customer);
  Take(file.has_max_queued_bytes(), file.max_queued_bytes(), limits.max_queued_bytes);
  Take(file.has_max_queued_bytes_per_customer(), file.max_queued_bytes_per_customer(),
       limits.max_queued_bytes_per_customer);
  TakeSeconds(file.has_max_queued_cost_seconds(), file.max_queued_cost_seconds(), limits.max_queued_cost);
  TakeSeconds(file.has_max_queued_cost_seconds_per_customer(), file.max_queued_cost_seconds_per_customer(),
              limits.max_queued_cost_per_customer);
}

void Apply(const v1::FailuresConfig& file, scheduling::SchedulerOptions& options) {
  TakeSeconds(file.has_batch_timeout_seconds(), file.batch_timeout_seconds(), options.batch_timeout_minimum);
  Take(file.has_batch_timeout_factor(), file.batch_timeout_factor(), options.batch_timeout_factor);
  Take(file.has_max_attempts(), file.max_attempts(), options.max_attempts);
  TakeSeconds(file.has_pause_minimum_seconds(), file.pause_minimum_seconds(), options.backends.pause_minimum);
  TakeSeconds(file.has_pause_maximum_seconds(), file.pause_maximum_seconds(), options.backends.pause_maximum);
  TakeSeconds(file.has_unavailable_after_seconds(), file.unavailable_after_seconds(),
              options.backends.unavailable_after);
  Take(file.has_retry_budget(), file.retry_budget(), options.retry_budget);
  Take(file.has_max_consecutive_errors(), file.max_consecutive_errors(), options.backends.max_consecutive_errors);
  Take(file.has_slow_factor(), file.slow_factor(), options.backends.slow_factor);
}

absl::Status Apply(const v1::CostConfig& file, scheduling::CostModel& cost) {
  if (file.has_profile()) {
    const auto profile = FindCostProfile(file.profile());
    if (!profile.ok()) return profile.status();
    cost = *profile;
  }
  Take(file.has_fixed(), file.fixed(), cost.fixed);
  Take(file.has_quadratic(), file.quadratic(), cost.quadratic);
  Take(file.has_per_sequence(), file.per_sequence(), cost.per_sequence);
  Take(file.has_per_character(), file.per_character(), cost.per_character);
  Take(file.has_per_character_squared(), file.per_character_squared(), cost.per_character_squared);
  Take(file.has_knee(), file.knee(), cost.knee);
  return absl::OkStatus();
}

void Apply(const v1::TlsConfig& file, TlsChoice& tls) {
  tls = {.certificate = file.certificate(),
         .key = file.key(),
         .client_ca = file.client_ca(),
         .admin_client_ca = file.admin_client_ca(),
         .admin_client_names = {file.admin_client_names().begin(), file.admin_client_names().end()},
         .backend_ca = file.backend_ca(),
         .backend_server_name = file.backend_server_name(),
         .metrics = {file.metrics_certificate(), file.metrics_key(), file.metrics_client_ca()},
         .bound_customers_only = file.bound_customers_only()};
}

void Apply(const v1::ConnectionsConfig& file, rpc::ConnectionLimits& connections) {
  TakeSeconds(file.has_max_age_seconds(), file.max_age_seconds(), connections.max_age);
  TakeSeconds(file.has_max_age_grace_seconds(), file.max_age_grace_seconds(), connections.max_age_grace);
  TakeSeconds(file.has_max_idle_seconds(), file.max_idle_seconds(), connections.max_idle);
  Take(file.has_max_concurrent_calls(), file.max_concurrent_calls(), connections.max_concurrent_calls);
  Take(file.has_max_metadata_bytes(), file.max_metadata_bytes(), connections.max_metadata_bytes);
  Take(file.has_max_connections(), file.max_connections(), connections.max_connections);
  Take(file.has_max_calls_in_transit(), file.max_calls_in_transit(), connections.max_calls_in_transit);
  TakeSeconds(file.has_transit_timeout_seconds(), file.transit_timeout_seconds(), connections.transit_timeout);
  Take(file.has_max_receive_bytes(), file.max_receive_bytes(), connections.max_receive_bytes);
}

void Apply(const v1::OpenInferenceConfig& file, OpenInferenceChoice& choice) {
  for (const v1::PaddedInput& input : file.padded_inputs()) choice.padded_inputs[input.name()] = input.value();
  choice.trimmed_outputs = {file.trimmed_outputs().begin(), file.trimmed_outputs().end()};
  Take(file.has_max_request_bytes(), file.max_request_bytes(), choice.max_request_bytes);
}

absl::Status Apply(const v1::ProxyConfig& file, Config& config) {
  Take(file.has_listen(), file.listen(), config.listen);
  Take(file.has_admin_listen(), file.admin_listen(), config.admin_listen);
  Take(file.has_metrics_listen(), file.metrics_listen(), config.metrics_listen);
  Take(file.has_threads(), file.threads(), config.threads);
  Take(file.has_drain_seconds(), file.drain_seconds(), config.drain_seconds);
  Take(file.has_health_check_seconds(), file.health_check_seconds(), config.health_check_seconds);
  Take(file.has_lookup_seconds(), file.lookup_seconds(), config.lookup_seconds);
  if (file.backends_size() > 0) config.backends.clear();
  for (const v1::BackendConfig& backend : file.backends()) {
    config.backends.push_back({backend.address(), backend.has_slots() ? backend.slots() : 1});
  }
  if (file.has_strategy()) {
    config.strategy = {file.strategy().name(),
                       {file.strategy().parameters().begin(), file.strategy().parameters().end()}};
  }
  Apply(file.limits(), config.limits);
  Apply(file.failures(), config.limits);
  if (auto status = Apply(file.cost(), config.cost); !status.ok()) return status;
  for (const v1::CustomerConfig& customer : file.customers()) {
    CustomerChoice choice{customer.name(), {.weight = customer.has_weight() ? customer.weight() : 1}};
    choice.policy.tier = customer.tier();
    if (customer.has_max_queued_requests()) choice.policy.max_queued_requests = customer.max_queued_requests();
    choice.certificate_names = {customer.certificate_names().begin(), customer.certificate_names().end()};
    if (customer.has_max_queued_bytes()) choice.policy.max_queued_bytes = customer.max_queued_bytes();
    if (customer.has_max_queued_cost_seconds()) {
      choice.policy.max_queued_cost = FromSeconds(customer.max_queued_cost_seconds());
    }
    if (customer.has_latency_objective_ms()) choice.latency_objective_ms = customer.latency_objective_ms();
    config.customers.push_back(std::move(choice));
  }
  Take(file.has_latency_objective_ms(), file.latency_objective_ms(), config.latency_objective_ms);
  if (file.has_tls()) Apply(file.tls(), config.tls);
  Take(file.has_admin_token_file(), file.admin_token_file(), config.admin_token_file);
  Apply(file.connections(), config.connections);
  Apply(file.open_inference(), config.open_inference);
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseConfig(const std::string& text, ConfigFormat format, Config& config) {
  v1::ProxyConfig file;
  const absl::Status parsed = format == ConfigFormat::kJson ? ParseJson(text, file) : ParseText(text, file);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        OneLine(absl::StrCat(parsed.message(), "; proto/smartbatch/proxy/v1/config.proto tells what may stand there")));
  }
  // A writer that empties the file before it writes would otherwise take every setting back to its default.
  if (file.ByteSizeLong() == 0) {
    return absl::InvalidArgumentError(
        "the file sets nothing: it is empty, or was read before it was written; name at least one setting, such as "
        "`strategy { name: \"density\" }`, or start without --config to run with the defaults");
  }
  const absl::Status applied = Apply(file, config);
  return applied.ok() ? applied : absl::InvalidArgumentError(OneLine(std::string(applied.message())));
}

absl::Status ReadConfigFile(const std::string& path, Config& config) {
  const auto text = ReadFile(path, kLargestFileBytes);
  if (!text.ok()) return absl::InvalidArgumentError(absl::StrCat("configuration: ", text.status().message()));
  const ConfigFormat format = path.ends_with(".json") ? ConfigFormat::kJson : ConfigFormat::kText;
  absl::Status parsed = ParseConfig(*text, format, config);
  if (parsed.ok()) {
    config.file_fields = FieldsOf(config);
    return parsed;
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", parsed.message()));
}

}  // namespace smartbatch::proxy
