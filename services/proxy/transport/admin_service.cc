#include "services/proxy/transport/admin_service.h"

#include <string>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/program/logging.h"
#include "services/proxy/scheduling/strategy_registry.h"
#include "services/proxy/transport/status_mapping.h"
#include "services/rpc/raw_message.h"

namespace smartbatch::transport {
namespace {

using scheduling::Outcome;

constexpr std::size_t kMaxCustomers = 100;

void Describe(const scheduling::StrategyChoice& choice, proxy::v1::Strategy& strategy) {
  strategy.set_name(choice.name);
  strategy.mutable_parameters()->insert(choice.parameters.begin(), choice.parameters.end());
}

void Describe(const scheduling::StrategySpecification& specification, proxy::v1::StrategyDescription& description) {
  description.set_name(specification.name);
  description.set_description(specification.description);
  for (const scheduling::ParameterSpecification& parameter : specification.parameters) {
    auto& out = *description.add_parameters();
    out.set_name(parameter.name);
    out.set_description(parameter.description);
    out.set_default_value(FormatValue(parameter, parameter.default_value));
    out.set_minimum(FormatValue(parameter, parameter.minimum));
    out.set_maximum(FormatValue(parameter, parameter.maximum));
  }
}

void Describe(const scheduling::OutcomeCounts& counts, proxy::v1::OutcomeCounts& outcomes) {
  outcomes.set_offered(counts.offered);
  outcomes.set_answered(counts[Outcome::kAnswered]);
  outcomes.set_rejected(counts[Outcome::kRejected]);
  outcomes.set_expired(counts[Outcome::kExpired]);
  outcomes.set_cancelled(counts[Outcome::kCancelled]);
  outcomes.set_backend_failed(counts[Outcome::kBackendFailed]);
  outcomes.set_shut_down(counts[Outcome::kShutDown]);
}

void Describe(const runtime::CustomerState& state, proxy::v1::CustomerStatus& status) {
  status.set_customer(state.name);
  status.set_queued_requests(state.queued_requests);
  status.set_queued_sequences(state.queued_sequences);
  status.set_oldest_age_seconds(ToSeconds(state.oldest_age));
  status.set_charged_seconds(state.charged_seconds);
  status.set_weight(state.weight);
}

void Describe(const runtime::BackendState& state, proxy::v1::BackendStatus& status) {
  status.set_address(state.name);
  status.set_up(state.up);
  status.set_batches_in_flight(state.batches_in_flight);
  status.set_slots(state.slots);
  auto& cost = *status.mutable_cost_model();
  cost.set_fixed(state.cost.fixed);
  cost.set_quadratic(state.cost.quadratic);
  cost.set_per_sequence(state.cost.per_sequence);
  cost.set_per_character(state.cost.per_character);
  status.set_residual_ratio(state.cost_residual_ratio);
}

std::string OneLine(const proxy::v1::Strategy& strategy) {
  std::string line = strategy.name();
  const std::map<std::string, std::string> parameters(strategy.parameters().begin(), strategy.parameters().end());
  for (const auto& [name, value] : parameters) line += " " + name + "=" + value;
  return line;
}

}  // namespace

template <class Request, class Response>
AdminService::Reactor* AdminService::Run(Context& context, const Bytes& request, Bytes& response,
                                         grpc::Status (AdminService::*method)(const Request&, Response&)) {
  Reactor* const reactor = context.DefaultReactor();
  Request request_message;
  Response response_message;
  grpc::Status status = rpc::ParseMessage(request, request_message);
  if (status.ok()) status = (this->*method)(request_message, response_message);
  if (status.ok()) response = rpc::SerializeMessage(response_message);
  reactor->Finish(status);
  return reactor;
}

AdminService::Reactor* AdminService::SetStrategy(Context* context, const Bytes* request, Bytes* response) {
  return Run(*context, *request, *response, &AdminService::Set);
}

AdminService::Reactor* AdminService::GetStrategy(Context* context, const Bytes* request, Bytes* response) {
  return Run(*context, *request, *response, &AdminService::Get);
}

AdminService::Reactor* AdminService::ListStrategies(Context* context, const Bytes* request, Bytes* response) {
  return Run(*context, *request, *response, &AdminService::List);
}

AdminService::Reactor* AdminService::GetStatus(Context* context, const Bytes* request, Bytes* response) {
  return Run(*context, *request, *response, &AdminService::Status);
}

grpc::Status AdminService::Set(const proxy::v1::SetStrategyRequest& request, proxy::v1::SetStrategyResponse& response) {
  const scheduling::StrategyChoice choice{request.strategy(),
                                          {request.parameters().begin(), request.parameters().end()}};
  const auto change = dispatcher_.SetStrategy(choice, request.expected_generation(), request.validate_only());
  if (!change.ok()) return AdminStatusOf(change.status());
  Describe(change->previous, *response.mutable_previous());
  Describe(change->current, *response.mutable_current());
  response.set_generation(change->generation);
  response.set_queued_requests(change->queued_requests);
  if (!request.validate_only()) {
    spdlog::info("strategy: {} -> {}, generation {}, {} requests wait, reason {}", OneLine(response.previous()),
                 OneLine(response.current()), change->generation, change->queued_requests,
                 program::Quoted(request.reason()));
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Get(const proxy::v1::GetStrategyRequest&, proxy::v1::GetStrategyResponse& response) {
  const runtime::State state = dispatcher_.Look(0);
  Describe(state.strategy, *response.mutable_current());
  response.set_generation(state.generation);
  return grpc::Status::OK;
}

grpc::Status AdminService::List(const proxy::v1::ListStrategiesRequest&, proxy::v1::ListStrategiesResponse& response) {
  const std::string active = dispatcher_.Look(0).strategy.name;
  for (const scheduling::StrategySpecification& specification : scheduling::AllStrategies()) {
    auto& description = *response.add_strategies();
    Describe(specification, description);
    description.set_active(specification.name == active);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Status(const proxy::v1::GetStatusRequest&, proxy::v1::GetStatusResponse& response) {
  const runtime::State state = dispatcher_.Look(kMaxCustomers);
  Describe(state.strategy, *response.mutable_strategy());
  response.set_deciding_strategy(state.deciding_strategy);
  if (state.advice) {
    auto& adaptive = *response.mutable_adaptive();
    adaptive.set_reason(state.advice->reason);
    adaptive.set_predicted_gain(state.advice->predicted_gain);
    adaptive.mutable_scores()->insert(state.advice->scores.begin(), state.advice->scores.end());
  }
  response.set_generation(state.generation);
  response.set_uptime_seconds(ToSeconds(state.uptime));
  response.set_queued_requests(state.queued_requests);
  response.set_queued_sequences(state.queued_sequences);
  response.set_batches_in_flight(state.batches_in_flight);
  Describe(state.outcomes, *response.mutable_outcomes());
  for (const runtime::CustomerState& customer : state.customers) Describe(customer, *response.add_customers());
  for (const runtime::BackendState& backend : state.backends) Describe(backend, *response.add_backends());
  return grpc::Status::OK;
}

}  // namespace smartbatch::transport
