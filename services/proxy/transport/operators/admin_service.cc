#include "services/proxy/transport/operators/admin_service.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <boost/asio/post.hpp>

#include "common/field_error.h"
#include "common/program/logging.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/transport/status_mapping.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"

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
  outcomes.set_shed(counts[Outcome::kShed]);
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
  cost.set_per_character_squared(state.cost.per_character_squared);
  cost.set_knee(state.cost.knee);
  status.set_residual_ratio(state.cost_residual_ratio);
  status.set_batch_size_limit(state.batch_size_limit);
  status.set_prediction_error_ratio(state.cost_prediction_error_ratio);
  status.set_learned_batches(static_cast<std::uint32_t>(state.cost_batches));
}

void Describe(const runtime::DeviceState& state, proxy::v1::DeviceStatus& status) {
  status.set_device(state.name);
  status.set_slots(state.slots);
  status.set_slots_in_use(state.slots_in_use);
  status.set_used_seconds(state.used_seconds);
}

void Describe(const runtime::RecentDecision& decision, Time now, proxy::v1::Decision& out) {
  out.set_batch(decision.batch);
  out.set_age_seconds(ToSeconds(now - decision.dispatched));
  out.set_strategy(std::string(decision.strategy));
  out.set_reason(std::string(Name(decision.reason)));
  out.set_backend(decision.backend);
  out.set_requests(decision.requests);
  for (const runtime::RecentDecision::Row& row : decision.rows) out.add_lengths(row.length);
  for (const runtime::RecentDecision::Part& part : decision.parts) {
    auto& described = *out.add_parts();
    described.set_customer(part.customer);
    described.set_sequences(part.sequences);
    described.set_charged_seconds(part.charged_seconds);
  }
  out.set_predicted_seconds(decision.predicted_seconds);
  if (!decision.took) return;
  out.set_real_seconds(ToSeconds(*decision.took));
  out.set_code(rpc::CodeName(static_cast<grpc::StatusCode>(decision.status)));
}

bool Holds(const runtime::RecentDecision& decision, const std::string& customer) {
  return std::any_of(decision.parts.begin(), decision.parts.end(),
                     [&](const runtime::RecentDecision::Part& part) { return part.customer == customer; });
}

std::string OneLine(const proxy::v1::Strategy& strategy) {
  std::string line = strategy.name();
  const std::map<std::string, std::string> parameters(strategy.parameters().begin(), strategy.parameters().end());
  for (const auto& [name, value] : parameters) line += fmt::format(" {}={}", name, value);
  return line;
}

grpc::Status NoSuchModel(const std::string& name, const runtime::ModelTable& models) {
  return {grpc::StatusCode::NOT_FOUND,
          fmt::format("there is no model {}; there are {}", program::Quoted(name), models.Names())};
}

}  // namespace

AdminService::AdminService(AdminTargets targets) : targets_(std::move(targets)) {
  AddOfModel(&Methods::RequestSetStrategy, &AdminService::Set);
  AddOfModel(&Methods::RequestGetStrategy, &AdminService::Get);
  AddOfModel(&Methods::RequestListStrategies, &AdminService::List);
  AddOfModel(&Methods::RequestGetStatus, &AdminService::Status);
  AddOfModel(&Methods::RequestListDecisions, &AdminService::Decisions);
  Add<proxy::v1::ReloadConfigRequest, proxy::v1::ReloadConfigResponse>(
      &Methods::RequestReloadConfig, [this](const auto& request, auto& response) { return Reload(request, response); });
}

template <class Request, class Response>
void AdminService::AddOfModel(Await await,
                              grpc::Status (AdminService::*method)(const Model&, const Request&, Response&)) {
  Add<Request, Response>(await, [this, method](const Request& request, Response& response) -> grpc::Status {
    const Model* const model = targets_.models.Find(request.model());
    if (model == nullptr) return NoSuchModel(request.model(), targets_.models);
    return (this->*method)(*model, request, response);
  });
}

template <class Request, class Response>
void AdminService::Add(Await await, std::function<grpc::Status(const Request&, Response&)> method) {
  served_.emplace_back([this, await](auto... arguments) { (methods_.*await)(arguments...); },
                       [this, method = std::move(method)](const grpc::ServerContext& context,
                                                          const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
                         Request request_message;
                         Response response_message;
                         grpc::Status status = targets_.rights.Check(context);
                         if (status.ok()) status = rpc::ParseMessage(request, request_message);
                         if (status.ok()) status = method(request_message, response_message);
                         if (status.ok()) response = rpc::SerializeMessage(response_message);
                         return status;
                       },
                       [this](std::function<void()> work) { boost::asio::post(worker_, std::move(work)); });
}

void AdminService::Serve(grpc::ServerCompletionQueue& queue) {
  for (Method& method : served_) method.Serve(queue);
}

grpc::Status AdminService::Set(const Model& model, const proxy::v1::SetStrategyRequest& request,
                               proxy::v1::SetStrategyResponse& response) {
  const scheduling::StrategyChoice choice{request.strategy(),
                                          {request.parameters().begin(), request.parameters().end()}};
  const auto change = model.dispatcher.SetStrategy(choice, request.expected_generation(), request.validate_only());
  if (!change.ok()) return AdminStatusOf(change.status());
  Describe(change->previous, *response.mutable_previous());
  Describe(change->current, *response.mutable_current());
  response.set_generation(change->generation);
  response.set_queued_requests(change->queued_requests);
  if (!request.validate_only()) {
    spdlog::info("strategy{}: {} -> {}, generation {}, {} requests wait, reason {}",
                 targets_.models.all().size() > 1 ? " of model " + model.name : "", OneLine(response.previous()),
                 OneLine(response.current()), change->generation, change->queued_requests,
                 program::Quoted(request.reason()));
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Get(const Model& model, const proxy::v1::GetStrategyRequest&,
                               proxy::v1::GetStrategyResponse& response) {
  const runtime::State state = model.dispatcher.Look(0);
  Describe(state.strategy, *response.mutable_current());
  response.set_generation(state.generation);
  return grpc::Status::OK;
}

grpc::Status AdminService::List(const Model& model, const proxy::v1::ListStrategiesRequest&,
                                proxy::v1::ListStrategiesResponse& response) {
  const std::string active = model.dispatcher.Look(0).strategy.name;
  for (const scheduling::StrategySpecification& specification : scheduling::AllStrategies()) {
    auto& description = *response.add_strategies();
    Describe(specification, description);
    description.set_active(specification.name == active);
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Status(const Model& model, const proxy::v1::GetStatusRequest&,
                                  proxy::v1::GetStatusResponse& response) {
  const runtime::State state = model.dispatcher.Look(kMaxCustomers);
  response.set_model(model.name);
  for (const Model& each : targets_.models.all()) response.add_models(each.name);
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
  response.set_process_id(static_cast<std::uint32_t>(getpid()));
  response.set_queued_requests(state.queued_requests);
  response.set_queued_sequences(state.queued_sequences);
  response.set_batches_in_flight(state.batches_in_flight);
  Describe(state.outcomes, *response.mutable_outcomes());
  for (const runtime::CustomerState& customer : state.customers) Describe(customer, *response.add_customers());
  for (const runtime::BackendState& backend : state.backends) Describe(backend, *response.add_backends());
  for (const runtime::DeviceState& device : state.devices) Describe(device, *response.add_devices());
  return grpc::Status::OK;
}

grpc::Status AdminService::Decisions(const Model& model, const proxy::v1::ListDecisionsRequest& request,
                                     proxy::v1::ListDecisionsResponse& response) {
  constexpr std::size_t kMost = runtime::RecentDecisions::kCapacity;
  if (request.limit() > kMost) {
    return rpc::InvalidArgument(
        "limit", fmt::format("limit is {}; give 1 to {}, or 0 for all kept batches", request.limit(), kMost));
  }
  const std::size_t limit = request.limit() == 0 ? kMost : request.limit();
  const Time now = targets_.clock.Now();
  for (const runtime::RecentDecision& decision : model.decisions.List(request.customer().empty() ? limit : kMost)) {
    if (static_cast<std::size_t>(response.decisions_size()) == limit) break;
    if (!request.customer().empty() && !Holds(decision, request.customer())) continue;
    Describe(decision, now, *response.add_decisions());
  }
  return grpc::Status::OK;
}

grpc::Status AdminService::Reload(const proxy::v1::ReloadConfigRequest& request,
                                  proxy::v1::ReloadConfigResponse& response) {
  if (!targets_.reload) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            "there is no configuration file to read again; start the proxy with --config FILE"};
  }
  const auto reloaded = targets_.reload(request.validate_only());
  if (!reloaded.ok()) {
    const absl::Status& status = reloaded.status();
    const bool names_no_field = absl::IsInvalidArgument(status) && !FieldOf(status);
    if (names_no_field) return rpc::InvalidArgument("configuration file", std::string(status.message()));
    return AdminStatusOf(status);
  }
  for (const SettingChange& change : reloaded->changes) {
    auto& described = *response.add_changes();
    described.set_field(change.field);
    described.set_before(change.before);
    described.set_after(change.after);
  }
  for (const SettingChange& change : reloaded->overridden) {
    auto& described = *response.add_overrides();
    described.set_field(change.field);
    described.set_file_value(change.after);
    described.set_value_in_use(change.before);
  }
  return grpc::Status::OK;
}

}  // namespace smartbatch::transport
