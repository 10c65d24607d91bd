// smartbatch-proxy: reads its settings, puts the parts together, serves, and drains on a signal.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/program/descriptors.h"
#include "common/program/flags.h"
#include "common/program/logging.h"
#include "common/program/output.h"
#include "common/program/signals.h"
#include "common/program/watchdog.h"
#include "services/metrics_endpoint/metrics_endpoint.h"
#include "services/net/handover.h"
#include "services/net/service_manager.h"
#include "services/proxy/access.h"
#include "services/proxy/config/config.h"
#include "services/proxy/config/reloader.h"
#include "services/proxy/observers/adaptive/adaptive_controller.h"
#include "services/proxy/observers/backend_log.h"
#include "services/proxy/observers/batch_log.h"
#include "services/proxy/observers/decision_log/decision_log.h"
#include "services/proxy/observers/live_page/live_page.h"
#include "services/proxy/observers/metrics/proxy_metrics.h"
#include "services/proxy/protocols.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/runtime/recent_decisions.h"
#include "services/proxy/runtime/request_statistics.h"
#include "services/proxy/runtime/sharing_advice.h"
#include "services/proxy/transport/backends/backend_client.h"
#include "services/proxy/transport/backends/backend_set.h"
#include "services/proxy/transport/backends/model_reader.h"
#include "services/proxy/transport/backends/reachability.h"
#include "services/proxy/transport/customers/inference_calls.h"
#include "services/proxy/transport/customers/proxy_server.h"
#include "services/proxy/transport/event_loop.h"
#include "services/proxy/transport/operators/admin_server.h"
#include "services/rpc/call_queue.h"
#include "services/rpc/goaway.h"
#include "services/rpc/library_checks.h"
#include "services/rpc/library_logs.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;

constexpr char kProgram[] = "smartbatch-proxy";
// What stopping may take beyond the time for draining.
constexpr std::chrono::seconds kStopTime{10};

int Fail(const absl::Status& status, int exit_code) {
  program::WritePatiently(STDERR_FILENO, fmt::format("{}: {}\n", kProgram, std::string(status.message())));
  return exit_code;
}

metrics::Objectives ObjectivesOf(const Config& config) {
  metrics::Objectives objectives{.configured = {}, .others = FromSeconds(config.latency_objective_ms / 1000)};
  for (const CustomerChoice& customer : config.customers) {
    const double objective_ms = customer.latency_objective_ms.value_or(config.latency_objective_ms);
    objectives.configured[customer.name] = FromSeconds(objective_ms / 1000);
  }
  return objectives;
}

std::map<std::string, scheduling::CustomerPolicy> PoliciesOf(const Config& config) {
  std::map<std::string, scheduling::CustomerPolicy> policies;
  for (const CustomerChoice& customer : config.customers) {
    scheduling::CustomerPolicy& policy = policies[customer.name] = customer.policy;
    const auto& objective_ms = customer.latency_objective_ms;
    if (objective_ms) policy.latency_objective = FromSeconds(*objective_ms / 1000);
  }
  return policies;
}

std::shared_ptr<metrics::ProxyMetrics> MakeMetrics(const Config& config) {
  metrics::MetricsOptions options{.version = SMARTBATCH_VERSION,
                                  .max_batch_size = config.limits.max_batch_size,
                                  .cost = config.cost,
                                  .objectives = ObjectivesOf(config)};
  return std::make_shared<metrics::ProxyMetrics>(options);
}

void WarnOfSharing(std::string_view strategy) {
  spdlog::warn(
      "more than one customer calls, and the strategy {} does not share between them: one that sends without end "
      "delays "
      "the others; weighted_fair gives each its share (SetStrategy, or --strategy at the start)",
      strategy);
}

std::vector<transport::BackendTarget> TargetsOf(const Config& config) {
  std::vector<transport::BackendTarget> targets;
  for (const BackendChoice& backend : config.backends) targets.push_back({backend.host_and_port(), backend.slots});
  return targets;
}

// Answers what is there, up to the time allowed or a second signal; then ends it.
void Drain(runtime::Dispatcher& dispatcher, program::StopTime& time) {
  dispatcher.StopAccepting();
  bool idle = dispatcher.WaitUntilIdle(Duration::zero());
  while (!idle && !time.IsOver()) idle = dispatcher.WaitUntilIdle(milliseconds(20));
  if (!idle) {
    spdlog::warn("{} requests that wait are ended: {}", dispatcher.Look(0).queued_requests,
                 time.asked_again() ? "a second signal came" : "--drain-seconds have passed");
  }
  do {
    dispatcher.Close();
  } while (!dispatcher.WaitUntilIdle(milliseconds(100)));
}

// Leaves the ports and the callers to the process that follows, and serves what still comes here meanwhile.
void HandOver(const net::Handover& handover, transport::ProxyServer& server, transport::AdminServer& admin,
              metrics::MetricsEndpoint& endpoint, runtime::Dispatcher& dispatcher, program::StopTime& time) {
  if (handover.share_ports) std::this_thread::sleep_for(rpc::kHandshakeTime);
  server.StopAccepting();
  admin.StopAccepting();
  endpoint.StopAccepting();
  const auto move_callers = [&] {
    admin.MoveCallers();
    return server.MoveCallers();
  };
  move_callers();
  // Not before: clients that watch it would have nobody to call.
  server.StopServing();
  admin.StopServing();
  rpc::ServeUntilMoved({.move_callers = move_callers,
                        .calls = [&] { return server.calls().entered; },
                        .is_idle = [&] { return dispatcher.WaitUntilIdle(Duration::zero()); }},
                       time);
}

runtime::Reconfiguration ReconfigurationOf(const Config& before, const Config& after) {
  runtime::Reconfiguration next{.options = after.limits, .customers = PoliciesOf(after), .strategy = {}};
  // An operator may have chosen another strategy meanwhile: it goes only where the file has changed its mind.
  const bool same =
      before.strategy.name == after.strategy.name && before.strategy.parameters == after.strategy.parameters;
  if (!same) next.strategy = after.strategy;
  return next;
}

// What the operators' service calls.
std::function<absl::StatusOr<transport::ReloadedSettings>(bool)> ReloadThrough(Reloader& reloader) {
  return [&reloader](bool validate_only) -> absl::StatusOr<transport::ReloadedSettings> {
    const auto reloaded = reloader.Reload(validate_only);
    if (!reloaded.ok()) return reloaded.status();
    const auto told = [](const std::vector<FieldChange>& changes) {
      std::vector<transport::SettingChange> settings;
      for (const FieldChange& change : changes) settings.push_back({change.field, change.before, change.after});
      return settings;
    };
    return transport::ReloadedSettings{told(reloaded->changes), told(reloaded->overridden)};
  };
}

// Waits for a signal to stop, and reloads the configuration at every SIGHUP until then.
int WaitForStop(const program::SignalWaiter& signals, Reloader& reloader, bool has_file) {
  while (true) {
    const int signal = signals.Wait();
    if (signal != SIGHUP) return signal;
    if (has_file) {
      [[maybe_unused]] const auto reloaded = reloader.Reload();  // it logs what has come of it
    } else {
      spdlog::warn("SIGHUP: there is no configuration file to read again; start with --config FILE");
    }
  }
}

// What serves the calls of the Open Inference Protocol beside ModelInfer.
struct Inference {
  transport::InferenceCalls calls;
  transport::ModelReader reader;
};

// None with our own contract.
std::unique_ptr<Inference> MakeInference(const Protocols& protocols, runtime::Dispatcher& dispatcher,
                                         const runtime::Clock& clock, runtime::CallObserver& observer,
                                         const runtime::RequestStatistics& statistics, transport::ProxyServer& server,
                                         const transport::BackendSet& backends,
                                         const transport::BackendClientOptions& options) {
  if (protocols.model == nullptr) return nullptr;
  std::unique_ptr<Inference> inference(
      new Inference{transport::InferenceCalls({protocols.model, *protocols.infer, dispatcher, clock, observer,
                                               statistics, server.customer_rights(), SMARTBATCH_VERSION}),
                    transport::ModelReader(
                        protocols.model, [&backends] { return backends.addresses(); }, options)});
  server.ServeOthers([&calls = inference->calls](rpc::GenericCall& call) { return calls.Serve(call); });
  inference->reader.Look();
  return inference;
}

// None where the configuration names no file.
absl::StatusOr<std::unique_ptr<decision_log::DecisionLog>> OpenDecisionLog(
    const Config& config, const std::map<std::string, scheduling::CustomerPolicy>& policies,
    const runtime::Clock& clock) {
  if (config.decision_log.empty()) return nullptr;
  const simulation::decision_log::Start start{config.limits, config.strategy, policies};
  return decision_log::DecisionLog::Open(config.decision_log, start, clock.Now());
}

int Run(const Config& config, const net::Handover& handover, int argc, char** argv,
        const program::SignalWaiter& signals) {
  auto access = AccessOf(config);
  if (!access.ok()) return Fail(access.status(), program::kExitUsage);
  access->customers.handover = handover;
  access->operators.handover = handover;
  const auto metrics = MakeMetrics(config);
  const runtime::SteadyClock clock;
  const auto policies = PoliciesOf(config);
  runtime::RecentDecisions decisions;
  live_page::RecentAnswers answers(clock);
  runtime::RequestStatistics statistics;
  adaptive::AdaptiveController adaptive(config.limits, policies, clock);
  runtime::SharingAdvice sharing(WarnOfSharing);
  std::vector<scheduling::SchedulerObserver*> scheduler_observers = {metrics.get(), &adaptive, &decisions,
                                                                     &answers,      &sharing,  &statistics};
  std::vector<runtime::DecisionObserver*> decision_observers = {metrics.get()};
  auto decision_log = OpenDecisionLog(config, policies, clock);
  if (!decision_log.ok()) return Fail(decision_log.status(), program::kExitUsage);
  if (*decision_log != nullptr) {
    scheduler_observers.push_back(decision_log->get());
    decision_observers.push_back(decision_log->get());
    metrics->WatchDecisionLog([log = decision_log->get()] { return log->dropped(); });
  }
  BackendLog backend_log(config.limits.max_batch_size);
  scheduler_observers.push_back(&backend_log);
  BatchLog batch_log;
  if (spdlog::should_log(spdlog::level::debug)) scheduler_observers.push_back(&batch_log);
  scheduling::ObserverList observers(std::move(scheduler_observers));
  runtime::DecisionObserverList decision_list(std::move(decision_observers));
  auto scheduler = scheduling::Scheduler::Create(config.limits, config.strategy, &observers);
  if (!scheduler.ok()) return Fail(scheduler.status(), program::kExitUsage);
  runtime::Dispatcher dispatcher(*std::move(scheduler), clock, &decision_list);
  for (const auto& [name, policy] : policies) dispatcher.ConfigureCustomer(name, policy);

  const Protocols protocols = ProtocolsOf(config);
  rpc::CallQueue queue(config.threads,
                       [&dispatcher](grpc::CompletionQueue& events) { transport::RunEvents(events, dispatcher); });
  transport::ProxyServer server(config.listen, queue, *protocols.customers, access->customers);
  server.customer_rights().Set(BindingsOf(config));
  transport::BackendSet backends(dispatcher,
                                 [&queue, &access, &protocols](const std::string& address) {
                                   return std::make_shared<transport::BackendClient>(address, *protocols.backends,
                                                                                     queue.queue(), access->backends);
                                 },
                                 {.cost = config.cost,
                                  .health_check_interval = FromSeconds(config.health_check_seconds),
                                  .lookup_interval = FromSeconds(config.lookup_seconds)});
  backends.SetTargets(TargetsOf(config));
  backends.Refresh();
  const auto inference =
      MakeInference(protocols, dispatcher, clock, *metrics, statistics, server, backends, access->backends);

  metrics->WatchState([&dispatcher](const std::vector<std::string>& names) { return dispatcher.Look(names); });
  metrics->WatchCalls([&server] {
    const transport::LiveCalls::Counts calls = server.calls();
    return metrics::CallsInTransit{.requests_arriving = calls.arriving,
                                   .answers_leaving = calls.leaving,
                                   .requests_given_up = calls.requests_given_up,
                                   .answers_given_up = calls.answers_given_up};
  });
  auto page =
      live_page::Documents({.clock = clock,
                            .decisions = decisions,
                            .answers = answers,
                            .state = [&dispatcher](std::size_t customers) { return dispatcher.Look(customers); },
                            .max_batch_size = config.limits.max_batch_size,
                            .version = SMARTBATCH_VERSION});
  auto endpoint =
      metrics::MetricsEndpoint::Start(config.metrics_listen, metrics, config.tls.metrics, handover, std::move(page));
  if (!endpoint.ok()) return Fail(endpoint.status(), program::kExitError);
  const auto bring_in = [&](const Config& before, const Config& after) {
    if (auto status = dispatcher.Reconfigure(ReconfigurationOf(before, after)); !status.ok()) return status;
    adaptive.Reconfigure(after.limits, PoliciesOf(after));
    metrics->SetObjectives(ObjectivesOf(after));
    server.customer_rights().Set(BindingsOf(after));
    backends.SetTargets(TargetsOf(after));
    return absl::OkStatus();
  };
  Reloader reloader(
      config, [argc, argv] { return ReadConfig(argc, argv); }, bring_in,
      [&metrics](bool successful) { metrics->ReloadEnded(successful); });
  const bool has_file = !ConfigFileOf(argc, argv).empty();
  transport::AdminTargets targets{dispatcher, clock, decisions, {}, access->operator_rights};
  if (has_file) targets.reload = ReloadThrough(reloader);
  const auto admin = transport::AdminServer::Start(config.admin_listen, queue, std::move(targets), access->operators);
  if (!admin.ok()) return Fail(admin.status(), program::kExitError);
  if (auto status = server.Start(dispatcher, clock, *metrics); !status.ok()) {
    return Fail(status, program::kExitError);
  }
  server.SetAdminAddress((*admin)->address());
  (*admin)->SetDataAddress(server.address());
  const std::jthread timer([&dispatcher](const std::stop_token& stop) { dispatcher.RunTimer(stop); });
  const std::jthread lookups([&backends](const std::stop_token& stop) { backends.Run(stop); });
  transport::Reachability reachability(
      dispatcher, [&backends] { return backends.Troubles(); },
      [&server](bool reachable) { server.SetReachable(reachable); });
  const std::jthread watcher([&](const std::stop_token& stop) { reachability.Run(clock, stop); });
  const std::jthread model_reader([&inference](const std::stop_token& stop) {
    if (inference) inference->reader.Run(stop);
  });
  const std::jthread adviser([&](const std::stop_token& stop) { adaptive.Run(dispatcher, stop); });

  spdlog::info("serving on {}, admin on {}, metrics on {}: strategy {}, up to {} sequences a batch, {} backends",
               server.address(), (*admin)->address(), endpoint->address(), config.strategy.name,
               config.limits.max_batch_size, backends.addresses().size());
  program::WritePatiently(STDOUT_FILENO, fmt::format("{} ready listen={} admin={} metrics={}\n", kProgram,
                                                     server.address(), (*admin)->address(), endpoint->address()));
  net::TellReady();

  const int signal = WaitForStop(signals, reloader, has_file);
  program::Watchdog watchdog(kStopTime);
  const double drain_seconds = reloader.current().drain_seconds;  // once a reload that is under way has ended
  watchdog.Extend(FromSeconds(drain_seconds));
  spdlog::info("signal {}: draining for at most {} s", signal, drain_seconds);
  net::TellStopping();
  program::StopTime time(signals, FromSeconds(drain_seconds));
  if (handover.IsPossible()) HandOver(handover, server, **admin, *endpoint, dispatcher, time);
  server.StopServing();
  Drain(dispatcher, time);
  server.WaitForAnswers();
  if (*decision_log != nullptr) (*decision_log)->Close();
  const scheduling::OutcomeCounts ended = dispatcher.Look(0).outcomes;
  using scheduling::Outcome;
  spdlog::info(
      "stopped: of {} requests {} were answered, {} rejected, {} shed, {} expired, {} cancelled, {} failed by "
      "backends, {} ended by the stop",
      ended.offered, ended[Outcome::kAnswered], ended[Outcome::kRejected], ended[Outcome::kShed],
      ended[Outcome::kExpired], ended[Outcome::kCancelled], ended[Outcome::kBackendFailed], ended[Outcome::kShutDown]);
  // Shutdown would answer CANCELLED to the calls that come meanwhile, as if their callers had asked for it. Where the
  // process ends with its connections open, the system cuts them, and that reads UNAVAILABLE, as it should.
  program::FlushLog();
  std::_Exit(program::kExitOk);
}

int Main(int argc, char** argv) {
  program::IgnoreBrokenPipes();
  const program::SignalWaiter signals({SIGTERM, SIGINT, SIGHUP});
  const auto inherited = net::InheritedSockets::Take();
  if (!inherited.ok()) return Fail(inherited.status(), program::kExitUsage);
  rpc::TakeOverLibraryLogs();
  rpc::LeaveOutLockChecks();
  Config config;
  if (const std::string file = ConfigFileOf(argc, argv); !file.empty()) {
    if (const auto status = ReadConfigFile(file, config); !status.ok()) return Fail(status, program::kExitUsage);
  }
  CLI::App app("", kProgram);
  ConfigFlags flags(app, config);
  app.set_version_flag("--version", SMARTBATCH_VERSION);
  int exit_code = 0;
  if (program::ParseOrExit(app, argc, argv, exit_code)) return exit_code;
  if (const auto status = flags.Finish(); !status.ok()) return Fail(status, program::kExitUsage);
  const net::Handover handover{config.share_ports, *inherited};
  if (*inherited != nullptr) {
    const auto status = (*inherited)->CheckAddresses({config.listen, config.admin_listen, config.metrics_listen});
    if (!status.ok()) return Fail(status, program::kExitUsage);
  }
  program::StartLogging(kProgram, config.log);
  program::RaiseDescriptorLimit();
  // Proxies that share backends must not ask a busy one at the same moments.
  config.limits.backends.seed = std::random_device()();
  return Run(config, handover, argc, argv, signals);
}

}  // namespace
}  // namespace smartbatch::proxy

int main(int argc, char** argv) { return smartbatch::proxy::Main(argc, argv); }
