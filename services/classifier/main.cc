// smartbatch-classifier: reads its flags, serves, and stops on a signal.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/program/descriptors.h"
#include "common/program/flags.h"
#include "common/program/logging.h"
#include "common/program/output.h"
#include "common/program/signals.h"
#include "common/program/watchdog.h"
#include "services/classifier/engines/engines.h"
#include "services/classifier/intake.h"
#include "services/classifier/metrics.h"
#include "services/classifier/options.h"
#include "services/classifier/services.h"
#include "services/metrics_endpoint/metrics_endpoint.h"
#include "services/net/handover.h"
#include "services/net/service_manager.h"
#include "services/rpc/credentials.h"
#include "services/rpc/goaway.h"
#include "services/rpc/library_logs.h"
#include "services/rpc/listener.h"

namespace smartbatch::classifier {
namespace {

using std::chrono::milliseconds;

constexpr char kProgram[] = "smartbatch-classifier";
// The time that stopping may take beyond the time for draining.
constexpr std::chrono::seconds kStopTime{10};

int Fail(const absl::Status& status, int exit_code) {
  program::WritePatiently(STDERR_FILENO, fmt::format("{}: {}\n", kProgram, std::string(status.message())));
  return exit_code;
}

// The size of the largest message that gRPC accepts. gRPC refuses a longer one before we see it, so this leaves room
// for every request that is allowed.
int MaxRequestBytes(const rpc::SequenceLimits& limits) {
  constexpr double kMaxBytesPerCharacter = 4;
  constexpr double kDefaultLimit = 4 * 1024 * 1024;
  constexpr double kLargestLimit = 1024.0 * 1024 * 1024;
  const double needed = static_cast<double>(limits.max_sequences) *
                        (static_cast<double>(limits.max_characters) * kMaxBytesPerCharacter + 16);
  return static_cast<int>(std::clamp(2 * needed, kDefaultLimit, kLargestLimit));
}

// Lets open calls end until the time is over or a second signal comes; then ends them.
void Drain(Intake& intake, program::StopTime& time) {
  std::size_t left = intake.WaitForCalls(milliseconds::zero());
  while (left > 0 && !time.IsOver()) left = intake.WaitForCalls(milliseconds(20));
  if (left == 0) return;
  spdlog::warn("{} calls are ended: {}", left,
               time.asked_again() ? "a second signal came" : "--drain-seconds have passed");
  intake.AbandonCalls();
  intake.WaitForCalls(milliseconds(1000));
}

// Leaves the ports and the callers to the next process, and meanwhile serves calls that still come here.
void HandOver(const net::Handover& handover, rpc::Listener& listener, metrics_endpoint::MetricsEndpoint& endpoint,
              Intake& intake, program::StopTime& time) {
  if (handover.share_ports) std::this_thread::sleep_for(rpc::kHandshakeTime);
  listener.StopAccepting();
  endpoint.StopAccepting();
  const auto move_callers = [&] {
    rpc::MoveCallers(listener.server());
    return listener.OpenConnections();
  };
  // The health stays SERVING: a proxy that asks on its old connection asks about the address, which is served.
  rpc::ServeUntilMoved({.move_callers = move_callers,
                        .calls = [&] { return intake.calls(); },
                        .is_idle = [&] { return intake.WaitForCalls(milliseconds::zero()) == 0; }},
                       time);
}

int Run(const Options& options, const net::Handover& handover, const program::SignalWaiter& signals) {
  auto credentials = rpc::MakeServerCredentials(options.tls);
  if (!credentials.ok()) return Fail(credentials.status(), program::kExitUsage);
  const auto registry = std::make_shared<prometheus::Registry>();
  Metrics metrics(*registry, SMARTBATCH_VERSION, options.slots);
  auto endpoint =
      metrics_endpoint::MetricsEndpoint::Start(options.metrics_listen, registry, options.metrics_tls, handover);
  if (!endpoint.ok()) return Fail(endpoint.status(), program::kExitError);

  const auto engine = MakeEngine(options.engine, options.model, options.slots);
  if (!engine.ok()) return Fail(engine.status(), program::kExitUsage);

  Intake intake(options, **engine, metrics);
  ClassifierService classifier_service(options.limits, intake);
  InferenceService inference_service(**engine, options.limits, intake);
  rpc::Listener listener(
      options.listen,
      {.credentials = *std::move(credentials), .limits = {.max_receive_bytes = 0}, .handover = handover});
  listener.builder().SetMaxReceiveMessageSize(MaxRequestBytes(options.limits));
  listener.Add(classifier_service, v1::ClassifierService::service_full_name());
  listener.Add(inference_service, inference::GRPCInferenceService::service_full_name());
  if (auto status = listener.Start(); !status.ok()) return Fail(status, program::kExitError);

  const auto cost = options.ModelledCost();
  spdlog::info("serving on {}, metrics on {}: engine {}, {} slots, up to {} sequences of {} characters a batch{}",
               listener.address(), endpoint->address(), options.engine, options.slots, options.limits.max_sequences,
               options.limits.max_characters,
               cost ? fmt::format(", a full batch of the longest takes {} s",
                                  cost->Seconds(options.limits.max_sequences, options.limits.max_characters))
                    : "");
  program::WritePatiently(
      STDOUT_FILENO, fmt::format("{} ready listen={} metrics={}\n", kProgram, listener.address(), endpoint->address()));
  net::TellReady();

  const int signal = signals.Wait();
  const program::Watchdog watchdog(FromSeconds(options.drain_seconds) + kStopTime);
  spdlog::info("signal {}: stopping", signal);
  net::TellStopping();
  program::StopTime time(signals, FromSeconds(options.drain_seconds));
  if (handover.IsPossible()) HandOver(handover, listener, *endpoint, intake, time);
  intake.RefuseCalls();
  listener.health().StopServing();  // NOT_SERVING, for good: new calls are refused
  Drain(intake, time);
  listener.ShutDown();
  spdlog::info("stopped");
  program::FlushLog();
  return program::kExitOk;
}

int Main(int argc, char** argv) {
  program::IgnoreBrokenPipes();
  const program::SignalWaiter signals({SIGTERM, SIGINT});
  const auto inherited = net::InheritedSockets::Take();
  if (!inherited.ok()) return Fail(inherited.status(), program::kExitUsage);
  rpc::TakeOverLibraryLogs();
  Options options;
  CLI::App app("", kProgram);
  AddFlags(app, options);
  app.set_version_flag("--version", SMARTBATCH_VERSION);
  int exit_code = 0;
  if (program::ParseOrExit(app, argc, argv, exit_code)) return exit_code;
  if (const auto status = Validate(options); !status.ok()) return Fail(status, program::kExitUsage);
  const net::Handover handover{options.share_ports, *inherited};
  if (*inherited != nullptr) {
    const auto status = (*inherited)->CheckAddresses({options.listen, options.metrics_listen});
    if (!status.ok()) return Fail(status, program::kExitUsage);
  }
  program::StartLogging(kProgram, options.log);
  program::RaiseDescriptorLimit();
  return Run(options, handover, signals);
}

}  // namespace
}  // namespace smartbatch::classifier

int main(int argc, char** argv) { return smartbatch::classifier::Main(argc, argv); }
