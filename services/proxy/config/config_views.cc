// The settings in the types of those who use them.
#include <optional>
#include <string_view>

#include "services/proxy/config/config.h"

namespace smartbatch::proxy {
namespace {

constexpr std::string_view kOpenInferenceScheme = "oip://";

}  // namespace

v1::ProxyConfig DefaultSettings() {
  v1::ProxyConfig settings;
  settings.add_backends();
  return settings;
}

scheduling::SchedulerOptions Config::limits() const {
  const v1::LimitsConfig& limits = settings.limits();
  const v1::FailuresConfig& failures = settings.failures();
  scheduling::SchedulerOptions options;
  options.max_batch_size = limits.max_batch_size();
  options.max_sequence_length = limits.max_sequence_length();
  options.max_queued_requests = limits.max_queued_requests();
  options.max_queued_requests_per_customer = limits.max_queued_requests_per_customer();
  options.max_queued_bytes = limits.max_queued_bytes();
  options.max_queued_bytes_per_customer = limits.max_queued_bytes_per_customer();
  options.max_queued_cost = FromSeconds(limits.max_queued_cost_seconds());
  options.max_queued_cost_per_customer = FromSeconds(limits.max_queued_cost_seconds_per_customer());
  options.backends.costs_are_assumed = settings.cost().ByteSizeLong() == 0;  // no term is given, and no profile
  options.latency_objective = FromSeconds(settings.latency_objective_ms() / 1000);
  options.batch_timeout_minimum = FromSeconds(failures.batch_timeout_seconds());
  options.batch_timeout_factor = failures.batch_timeout_factor();
  options.max_attempts = failures.max_attempts();
  options.retry_budget = failures.retry_budget();
  options.backends.seed = seed;
  options.backends.pause_minimum = FromSeconds(failures.pause_minimum_seconds());
  options.backends.pause_maximum = FromSeconds(failures.pause_maximum_seconds());
  options.backends.unavailable_after = FromSeconds(failures.unavailable_after_seconds());
  options.backends.max_consecutive_errors = failures.max_consecutive_errors();
  options.backends.slow_factor = failures.slow_factor();
  return options;
}

std::uint32_t Config::max_request_rows() const {
  const v1::LimitsConfig& limits = settings.limits();
  return limits.max_request_rows() == 0 ? limits.max_batch_size() : limits.max_request_rows();
}

scheduling::StrategyChoice Config::strategy() const {
  return {settings.strategy().name(),
          {settings.strategy().parameters().begin(), settings.strategy().parameters().end()}};
}

CostModel Config::cost() const {
  const v1::CostConfig& terms = settings.cost();
  CostModel cost = FindCostProfile(terms.profile()).value_or(CostModel());  // a valid one has a name that is known
  if (terms.has_fixed()) cost.fixed = terms.fixed();
  if (terms.has_quadratic()) cost.quadratic = terms.quadratic();
  if (terms.has_per_sequence()) cost.per_sequence = terms.per_sequence();
  if (terms.has_per_character()) cost.per_character = terms.per_character();
  if (terms.has_per_character_squared()) cost.per_character_squared = terms.per_character_squared();
  if (terms.has_knee()) cost.knee = terms.knee();
  return cost;
}

rpc::ConnectionLimits Config::connections() const {
  const v1::ConnectionsConfig& connections = settings.connections();
  rpc::ConnectionLimits limits;
  limits.max_age = FromSeconds(connections.max_age_seconds());
  limits.max_age_grace = FromSeconds(connections.max_age_grace_seconds());
  limits.max_idle = FromSeconds(connections.max_idle_seconds());
  limits.max_concurrent_calls = connections.max_concurrent_calls();
  limits.max_metadata_bytes = connections.max_metadata_bytes();
  limits.max_connections = connections.max_connections();
  limits.max_calls_in_transit = connections.max_calls_in_transit();
  limits.transit_timeout = FromSeconds(connections.transit_timeout_seconds());
  limits.max_receive_bytes = connections.max_receive_bytes();
  return limits;
}

tls::TlsFiles Config::metrics_tls() const {
  const v1::TlsConfig& tls = settings.tls();
  return {tls.metrics_certificate(), tls.metrics_key(), tls.metrics_client_ca()};
}

std::string Config::model() const { return settings.backends().empty() ? "" : ModelOf(settings.backends(0)); }

scheduling::CustomerPolicy PolicyOf(const v1::CustomerConfig& customer) {
  scheduling::CustomerPolicy policy{.weight = customer.weight(), .tier = customer.tier()};
  if (customer.has_max_queued_requests()) policy.max_queued_requests = customer.max_queued_requests();
  if (customer.has_max_queued_bytes()) policy.max_queued_bytes = customer.max_queued_bytes();
  if (customer.has_max_queued_cost_seconds()) policy.max_queued_cost = FromSeconds(customer.max_queued_cost_seconds());
  if (customer.has_latency_objective_ms()) {
    policy.latency_objective = FromSeconds(customer.latency_objective_ms() / 1000);
  }
  return policy;
}

std::string HostAndPortOf(const v1::BackendConfig& backend) {
  const std::string& address = backend.address();
  if (!address.starts_with(kOpenInferenceScheme)) return address;
  const std::size_t begin = kOpenInferenceScheme.size();
  return address.substr(begin, address.rfind('/') - begin);
}

std::string ModelOf(const v1::BackendConfig& backend) {
  const std::string& address = backend.address();
  if (!address.starts_with(kOpenInferenceScheme)) return {};
  const std::size_t slash = address.rfind('/');
  return slash < kOpenInferenceScheme.size() ? std::string() : address.substr(slash + 1);
}

}  // namespace smartbatch::proxy
