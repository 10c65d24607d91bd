#include "services/proxy/config/config_changes.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "common/field_error.h"

namespace smartbatch::proxy {
namespace {

using Fields = std::map<std::string, std::string>;

// The one setting of TLS that can change while the proxy runs.
constexpr char kBoundCustomersOnly[] = "tls.bound_customers_only";

template <class Value>
void Put(Fields& fields, std::string name, const Value& value) {
  fields.emplace(std::move(name), absl::StrCat(value));
}

void PutLimits(const scheduling::SchedulerOptions& limits, Fields& fields) {
  Put(fields, "limits.max_batch_size", limits.max_batch_size);
  Put(fields, "limits.max_sequence_length", limits.max_sequence_length);
  Put(fields, "limits.max_queued_requests", limits.max_queued_requests);
  Put(fields, "limits.max_queued_requests_per_customer", limits.max_queued_requests_per_customer);
  Put(fields, "limits.max_queued_bytes", limits.max_queued_bytes);
  Put(fields, "limits.max_queued_bytes_per_customer", limits.max_queued_bytes_per_customer);
  Put(fields, "limits.max_queued_cost_seconds", ToSeconds(limits.max_queued_cost));
  Put(fields, "limits.max_queued_cost_seconds_per_customer", ToSeconds(limits.max_queued_cost_per_customer));
}

void PutFailures(const scheduling::SchedulerOptions& options, Fields& fields) {
  Put(fields, "failures.batch_timeout_seconds", ToSeconds(options.batch_timeout_minimum));
  Put(fields, "failures.batch_timeout_factor", options.batch_timeout_factor);
  Put(fields, "failures.max_attempts", options.max_attempts);
  Put(fields, "failures.pause_minimum_seconds", ToSeconds(options.backends.pause_minimum));
  Put(fields, "failures.pause_maximum_seconds", ToSeconds(options.backends.pause_maximum));
  Put(fields, "failures.unavailable_after_seconds", ToSeconds(options.backends.unavailable_after));
  Put(fields, "failures.retry_budget", options.retry_budget);
  Put(fields, "failures.max_consecutive_errors", options.backends.max_consecutive_errors);
  Put(fields, "failures.slow_factor", options.backends.slow_factor);
}

void PutCost(const scheduling::CostModel& cost, Fields& fields) {
  Put(fields, "cost.fixed", cost.fixed);
  Put(fields, "cost.quadratic", cost.quadratic);
  Put(fields, "cost.per_sequence", cost.per_sequence);
  Put(fields, "cost.per_character", cost.per_character);
  Put(fields, "cost.per_character_squared", cost.per_character_squared);
  Put(fields, "cost.knee", cost.knee);
}

void PutTls(const TlsChoice& tls, Fields& fields) {
  Put(fields, "tls.certificate", tls.certificate);
  Put(fields, "tls.key", tls.key);
  Put(fields, "tls.client_ca", tls.client_ca);
  Put(fields, "tls.admin_client_ca", tls.admin_client_ca);
  Put(fields, "tls.admin_client_names", absl::StrJoin(tls.admin_client_names, ","));
  Put(fields, "tls.backend_ca", tls.backend_ca);
  Put(fields, "tls.backend_server_name", tls.backend_server_name);
  Put(fields, "tls.metrics_certificate", tls.metrics.certificate);
  Put(fields, "tls.metrics_key", tls.metrics.key);
  Put(fields, "tls.metrics_client_ca", tls.metrics.authorities);
  Put(fields, kBoundCustomersOnly, tls.bound_customers_only ? "true" : "false");
}

void PutConnections(const rpc::ConnectionLimits& connections, Fields& fields) {
  Put(fields, "connections.max_age_seconds", ToSeconds(connections.max_age));
  Put(fields, "connections.max_age_grace_seconds", ToSeconds(connections.max_age_grace));
  Put(fields, "connections.max_idle_seconds", ToSeconds(connections.max_idle));
  Put(fields, "connections.max_concurrent_calls", connections.max_concurrent_calls);
  Put(fields, "connections.max_metadata_bytes", connections.max_metadata_bytes);
  Put(fields, "connections.max_connections", connections.max_connections);
  Put(fields, "connections.max_calls_in_transit", connections.max_calls_in_transit);
  Put(fields, "connections.transit_timeout_seconds", ToSeconds(connections.transit_timeout));
  Put(fields, "connections.max_receive_bytes", connections.max_receive_bytes);
}

void PutOpenInference(const Config& config, Fields& fields) {
  Put(fields, "open_inference.model", config.model());
  for (const auto& [name, value] : config.open_inference.padded_inputs) {
    Put(fields, absl::StrCat("open_inference.padded_inputs[", name, "].value"), value);
  }
  Put(fields, "open_inference.trimmed_outputs", absl::StrJoin(config.open_inference.trimmed_outputs, ","));
  Put(fields, "open_inference.max_request_bytes", config.open_inference.max_request_bytes);
}

void PutCustomer(const CustomerChoice& customer, Fields& fields) {
  const std::string path = absl::StrCat("customers[", customer.name, "].");
  Put(fields, path + "weight", customer.policy.weight);
  Put(fields, path + "tier", customer.policy.tier);
  if (customer.latency_objective_ms) Put(fields, path + "latency_objective_ms", *customer.latency_objective_ms);
  if (customer.policy.max_queued_requests) {
    Put(fields, path + "max_queued_requests", *customer.policy.max_queued_requests);
  }
  if (!customer.certificate_names.empty()) {
    Put(fields, path + "certificate_names", absl::StrJoin(customer.certificate_names, ","));
  }
  if (customer.policy.max_queued_bytes) Put(fields, path + "max_queued_bytes", *customer.policy.max_queued_bytes);
  if (customer.policy.max_queued_cost) {
    Put(fields, path + "max_queued_cost_seconds", ToSeconds(*customer.policy.max_queued_cost));
  }
}

std::string ValueIn(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

std::vector<FieldChange> Differences(const Fields& before, const Fields& after) {
  std::set<std::string> names;
  for (const auto& [name, value] : before) names.insert(name);
  for (const auto& [name, value] : after) names.insert(name);
  std::vector<FieldChange> changes;
  for (const std::string& name : names) {
    FieldChange change{name, ValueIn(before, name), ValueIn(after, name)};
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

std::string Shown(const std::string& value) { return value.empty() ? "not there" : value; }

}  // namespace

Fields FieldsOf(const Config& config) {
  Fields fields;
  Put(fields, "listen", config.listen);
  Put(fields, "admin_listen", config.admin_listen);
  Put(fields, "metrics_listen", config.metrics_listen);
  Put(fields, "threads", config.threads);
  Put(fields, "drain_seconds", config.drain_seconds);
  Put(fields, "health_check_seconds", config.health_check_seconds);
  Put(fields, "lookup_seconds", config.lookup_seconds);
  Put(fields, "latency_objective_ms", config.latency_objective_ms);
  for (const BackendChoice& backend : config.backends) {
    Put(fields, absl::StrCat("backends[", backend.address, "].slots"), backend.slots);
  }
  Put(fields, "strategy.name", config.strategy.name);
  for (const auto& [name, value] : config.strategy.parameters) {
    Put(fields, absl::StrCat("strategy.parameters[", name, "]"), value);
  }
  PutLimits(config.limits, fields);
  PutFailures(config.limits, fields);
  PutCost(config.cost, fields);
  PutTls(config.tls, fields);
  Put(fields, "admin_token_file", config.admin_token_file);
  PutConnections(config.connections, fields);
  PutOpenInference(config, fields);
  for (const CustomerChoice& customer : config.customers) PutCustomer(customer, fields);
  return fields;
}

std::vector<FieldChange> Changes(const Config& before, const Config& after) {
  return Differences(FieldsOf(before), FieldsOf(after));
}

std::vector<FieldChange> Overridden(const Config& before, const Config& after) {
  const Fields used = FieldsOf(after);
  std::vector<FieldChange> overridden;
  for (FieldChange& change : Differences(before.file_fields, after.file_fields)) {
    change.before = ValueIn(used, change.field);
    if (change.before != change.after) overridden.push_back(std::move(change));
  }
  return overridden;
}

absl::Status CheckCanChange(const std::vector<FieldChange>& changes) {
  constexpr std::array kFixed = {
      "listen",         "admin_listen", "metrics_listen",        "health_check_seconds",
      "lookup_seconds", "threads",      "limits.max_batch_size", "limits.max_sequence_length",
      "cost.",          "tls.",         "admin_token_file",      "connections.",
      "open_inference."};
  for (const FieldChange& change : changes) {
    const bool fixed = std::any_of(kFixed.begin(), kFixed.end(),
                                   [&](const char* field) { return absl::StartsWith(change.field, field); });
    if (!fixed || change.field == kBoundCustomersOnly) continue;
    return FieldError(change.field,
                      absl::StrCat(change.field, " is ", Shown(change.after), " and was ", Shown(change.before),
                                   " at the start; it cannot change while the proxy runs: restart it, or set it back"));
  }
  return absl::OkStatus();
}

}  // namespace smartbatch::proxy
