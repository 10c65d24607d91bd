#include "services/proxy/simulation/report.h"

#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/published/published_policies.h"
#include "services/proxy/simulation/trace.h"

namespace smartbatch::simulation {
namespace {

using Json = nlohmann::ordered_json;

Json OrNull(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json LatencyJson(const LatencyFigures& figures) {
  return {{"mean", figures.mean},       {"p50", OrNull(figures.p50)},   {"p90", OrNull(figures.p90)},
          {"p99", OrNull(figures.p99)}, {"p999", OrNull(figures.p999)}, {"max", figures.max}};
}

Json ParametersJson(const scheduling::StrategyChoice& choice) {
  Json json = Json::object();
  const scheduling::StrategySpecification* const specification = FindSimulated(choice.name);
  const auto values = scheduling::ParseParameters(*specification, choice.parameters);
  for (const scheduling::ParameterSpecification& parameter : specification->parameters) {
    const double value = (*values)[parameter.name];
    switch (parameter.kind) {
      case scheduling::ParameterSpecification::Kind::kSwitch:
        json[parameter.name] = value != 0;
        break;
      case scheduling::ParameterSpecification::Kind::kInteger:
        json[parameter.name] = static_cast<std::int64_t>(value);
        break;
      case scheduling::ParameterSpecification::Kind::kChoice:
        json[parameter.name] = scheduling::FormatValue(parameter, value);
        break;
      case scheduling::ParameterSpecification::Kind::kNumber:
        json[parameter.name] = value;
        break;
    }
  }
  return json;
}

Json OutcomesJson(const scheduling::OutcomeCounts& counts) {
  Json json = {{"offered", counts.offered}};
  for (int i = 0; i < scheduling::kOutcomes; ++i) {
    const auto outcome = static_cast<scheduling::Outcome>(i);
    json[std::string(scheduling::Name(outcome))] = counts[outcome];
  }
  return json;
}

Json ResultJson(const Result& result) {
  Json customers = Json::array();
  for (const CustomerResult& customer : result.customers) {
    customers.push_back({{"customer", customer.customer},
                         {"requests", customer.requests},
                         {"latency_ms", LatencyJson(customer.latency_ms)},
                         {"charged_seconds", customer.charged_seconds},
                         {"slowdown", customer.slowdown}});
  }
  return {{"strategy", result.strategy.name},
          {"parameters", ParametersJson(result.strategy)},
          {"requests", result.requests},
          {"latency_ms", LatencyJson(result.latency_ms)},
          {"on_time_share", result.on_time_share},
          {"throughput_per_second", result.throughput_per_second},
          {"busy_share", result.busy_share},
          {"batch_sequences_mean", result.batch_sequences_mean},
          {"padding_share", result.padding_share},
          {"slowdown", OrNull(result.fairness.slowdown)},
          {"worst_customer_slowdown", OrNull(result.fairness.worst_customer_slowdown)},
          {"charged_share_index", OrNull(result.fairness.share_index)},
          {"fairness_gap_seconds", result.fairness_gap_seconds},
          {"arrival_seconds", result.arrival_seconds},
          {"drain_seconds", result.drain_seconds},
          {"lower_bound_ms", OrNull(result.lower_bound_ms)},
          {"outcomes", OutcomesJson(result.outcomes)},
          {"customers", std::move(customers)}};
}

}  // namespace

std::string ReportJson(const Scenario& scenario, const std::vector<Result>& results) {
  Json json = {{"schema_version", kReportSchemaVersion},
               {"workload",
                {{"name", scenario.workload},
                 {"rho", scenario.rho > 0 ? Json(scenario.rho) : Json(nullptr)},
                 {"requests", scenario.requests},
                 {"seed", scenario.seed},
                 {"seeds",
                  {{"arrivals", scenario.seeds.arrivals},
                   {"sizes", scenario.seeds.sizes},
                   {"think_times", scenario.seeds.think_times}}},
                 {"warmup_share", scenario.warmup_share},
                 {"max_batch_size", scenario.max_batch_size},
                 {"backends", scenario.backends},
                 {"slots", scenario.slots}}},
               {"results", Json::array()}};
  for (const Result& result : results) json["results"].push_back(ResultJson(result));
  return json.dump(2) + "\n";
}

std::string DecisionLine(const SimulatedDecision& decision) {
  Json members = Json::array();
  for (const DecisionMember& member : decision.members) members.push_back({member.request, member.sequence});
  const Json json = {{"time_ms", ExactMilliseconds(decision.batch.dispatched)},
                     {"strategy", std::string(decision.batch.strategy)},
                     {"backend", decision.batch.backend},
                     {"members", std::move(members)},
                     {"longest", decision.batch.longest},
                     {"cost_seconds", decision.batch.predicted_seconds},
                     {"reason", std::string(scheduling::Name(decision.batch.reason))}};
  return json.dump() + "\n";
}

}  // namespace smartbatch::simulation
