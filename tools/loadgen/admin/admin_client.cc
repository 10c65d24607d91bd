#include "tools/loadgen/admin/admin_client.h"

#include <chrono>
#include <thread>
#include <utility>

#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/engine/now.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::chrono::seconds kCallDeadline(5);
constexpr std::chrono::milliseconds kPollEvery(20);

// Both enumerations have the same numbers.
absl::Status ToError(const grpc::Status& status, const std::string& target) {
  std::string message = status.error_message();
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE || status.error_code() == grpc::DEADLINE_EXCEEDED) {
    message = absl::StrCat("no admin service answers at ", target, " (", message,
                           "): start smartbatch-proxy or name its admin address with --admin-target");
  } else if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    message = absl::StrCat("the server at ", target, " has no such admin service: name the proxy's admin address with ",
                           "--admin-target");
  } else if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    message = absl::StrCat(message, " (the file that holds it: --token-file)");
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), message);
}

}  // namespace

AdminClient::AdminClient(Server server, std::string model)
    : server_(std::move(server)),
      model_(std::move(model)),
      stub_(proxy::v1::AdminService::NewStub(MakeChannel(server_))) {}

template <class Method, class Request, class Response>
absl::StatusOr<Response> AdminClient::Call(Method method, Request request, Response response) const {
  request.set_model(model_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallDeadline);
  AddMetadata(server_, context);
  const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
  if (!status.ok()) return ToError(status, server_.target);
  return response;
}

absl::StatusOr<proxy::v1::GetStrategyResponse> AdminClient::GetStrategy() const {
  return Call(&proxy::v1::AdminService::Stub::GetStrategy, proxy::v1::GetStrategyRequest(),
              proxy::v1::GetStrategyResponse());
}

absl::StatusOr<proxy::v1::SetStrategyResponse> AdminClient::SetStrategy(const LabelledStrategy& choice,
                                                                        const std::string& reason) const {
  proxy::v1::SetStrategyRequest request;
  request.set_strategy(choice.name);
  request.set_reason(reason);
  for (const auto& [name, value] : choice.parameters) (*request.mutable_parameters())[name] = value;
  auto response = Call(&proxy::v1::AdminService::Stub::SetStrategy, request, proxy::v1::SetStrategyResponse());
  if (response.ok() && response->current().name() != choice.name) {
    return absl::FailedPreconditionError(absl::StrCat("the server confirmed strategy '", response->current().name(),
                                                      "', but '", choice.name, "' was asked for"));
  }
  return response;
}

absl::StatusOr<proxy::v1::ListStrategiesResponse> AdminClient::ListStrategies() const {
  return Call(&proxy::v1::AdminService::Stub::ListStrategies, proxy::v1::ListStrategiesRequest(),
              proxy::v1::ListStrategiesResponse());
}

absl::StatusOr<proxy::v1::GetStatusResponse> AdminClient::GetStatus() const {
  return Call(&proxy::v1::AdminService::Stub::GetStatus, proxy::v1::GetStatusRequest(), proxy::v1::GetStatusResponse());
}

absl::Status AdminClient::WaitUntilEmpty(Duration patience) const {
  const Time deadline = Now() + patience;
  for (;;) {
    const absl::StatusOr<proxy::v1::GetStatusResponse> status = GetStatus();
    if (!status.ok()) return status.status();
    if (status->queued_requests() == 0 && status->batches_in_flight() == 0) return absl::OkStatus();
    if (Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "the proxy still has ", status->queued_requests(), " requests queued and ", status->batches_in_flight(),
          " batches in flight after ", ToSeconds(patience), " s: stop what else sends to it"));
    }
    std::this_thread::sleep_for(kPollEvery);
  }
}

LabelledStrategy ToChoice(const proxy::v1::Strategy& strategy) {
  return {strategy.name(), {strategy.parameters().begin(), strategy.parameters().end()}};
}

}  // namespace smartbatch::loadgen
