#include <memory>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/load_flags.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

namespace health = grpc::health::v1;

struct ProbeFlags {
  ConnectionFlags connection;
  std::string service;
  std::uint32_t timeout_ms = 1000;
};

int Probe(const ProbeFlags& flags) {
  const absl::StatusOr<Server> server = DataServerOf(flags.connection);
  if (!server.ok()) return ReportError(server.status());
  const auto stub = health::Health::NewStub(MakeChannel(*server));
  grpc::ClientContext context;
  AddMetadata(*server, context);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(flags.timeout_ms));
  health::HealthCheckRequest request;
  request.set_service(flags.service);
  health::HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  const std::string what = flags.service.empty() ? "server" : flags.service;
  if (!status.ok()) {
    return ReportError(
        absl::UnavailableError(fmt::format("{} at {} does not answer within {} ms: {}", what, flags.connection.target,
                                           flags.timeout_ms, status.error_message())));
  }
  fmt::print("{} at {}: {}\n", what, flags.connection.target,
             health::HealthCheckResponse::ServingStatus_Name(response.status()));
  return response.status() == health::HealthCheckResponse::SERVING ? program::kExitOk : program::kExitError;
}

}  // namespace

Verb AddProbe(CLI::App& program) {
  auto flags = std::make_shared<ProbeFlags>();
  CLI::App& verb = *program.add_subcommand("probe", "Check a server's health: exit code 0 if it serves, else 1");
  AddTargetFlag(verb, flags->connection);
  AddSecurityFlags(verb, flags->connection);
  verb.add_option("--service", flags->service, "The service to ask for (default: the server as a whole)");
  verb.add_option("--timeout-ms", flags->timeout_ms, "How long to wait")
      ->check(CLI::Range(1, 600'000))
      ->capture_default_str();
  verb.footer(
      "Examples:\n"
      "  loadgen probe --target 127.0.0.1:50061\n"
      "  loadgen probe --target 127.0.0.1:50051 --service smartbatch.proxy.v1.ProxyService --timeout-ms 500\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Probe(*flags); }};
}

}  // namespace smartbatch::loadgen
