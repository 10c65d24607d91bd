// smartbatch-proxy: reads its settings, puts the parts together, serves, and drains on a signal.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <spdlog/spdlog.h>

#include "common/program/flags.h"
#include "common/program/logging.h"
#include "common/program/signals.h"
#include "services/metrics_endpoint/metrics_endpoint.h"
#include "services/proxy/adaptive/adaptive_controller.h"
#include "services/proxy/config.h"
#include "services/proxy/metrics/proxy_metrics.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/transport/admin_server.h"
#include "services/proxy/transport/classifier_client.h"
#include "services/proxy/transport/proxy_server.h"
#include "services/rpc/library_logs.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr char kProgram[] = "smartbatch-proxy";

int Fail(const absl::Status& status, int exit_code) {
  std::cerr << kProgram << ": " << status.message() << "\n";
  return exit_code;
}

std::shared_ptr<metrics::ProxyMetrics> MakeMetrics(const Config& config) {
  metrics::MetricsOptions options{.version = SMARTBATCH_VERSION,
                                  .max_batch_size = config.limits.max_batch_size,
                                  .cost = config.cost,
                                  .configured_customers = {}};
  for (const CustomerChoice& customer : config.customers) options.configured_customers.push_back(customer.name);
  auto made = std::make_shared<metrics::ProxyMetrics>(options);
  for (const BackendChoice& backend : config.backends) made->AddBackend(backend.address);
  return made;
}

// Answers what is there, up to the time allowed or a second signal; then ends it.
void Drain(runtime::Dispatcher& dispatcher, const program::SignalWaiter& signals, double drain_seconds) {
  const auto deadline = steady_clock::now() + std::chrono::duration<double>(drain_seconds);
  dispatcher.StopAccepting();
  bool idle = dispatcher.WaitUntilIdle(Duration::zero());
  bool asked_again = false;
  while (!idle && !asked_again && steady_clock::now() < deadline) {
    idle = dispatcher.WaitUntilIdle(milliseconds(20));
    asked_again = signals.WaitFor(milliseconds::zero()).has_value();
  }
  if (!idle) {
    spdlog::warn("{} requests that wait are ended: {}", dispatcher.Look(0).queued_requests,
                 asked_again ? "a second signal came" : "--drain-seconds have passed");
  }
  do {
    dispatcher.Close();
  } while (!dispatcher.WaitUntilIdle(milliseconds(100)));
}

// Ends the program where stopping it takes far longer than it may.
std::jthread StartWatchdog(double drain_seconds) {
  return std::jthread([drain_seconds](const std::stop_token& stop) {
    constexpr std::chrono::seconds kGrace{10};
    const auto deadline = steady_clock::now() + std::chrono::duration<double>(drain_seconds) + kGrace;
    while (steady_clock::now() < deadline) {
      if (stop.stop_requested()) return;
      std::this_thread::sleep_for(milliseconds(20));
    }
    std::cerr << kProgram << ": it did not stop in time and is ended\n";
    std::_Exit(program::kExitError);
  });
}

int Run(const Config& config, const program::SignalWaiter& signals) {
  const auto metrics = MakeMetrics(config);
  const runtime::SteadyClock clock;
  std::map<std::string, scheduling::CustomerPolicy> policies;
  for (const CustomerChoice& customer : config.customers) policies[customer.name] = customer.policy;
  adaptive::AdaptiveController adaptive(config.limits, policies, clock);
  scheduling::ObserverList observers({metrics.get(), &adaptive});
  auto scheduler = scheduling::Scheduler::Create(config.limits, config.strategy, &observers);
  if (!scheduler.ok()) return Fail(scheduler.status(), program::kExitUsage);
  runtime::Dispatcher dispatcher(*std::move(scheduler), clock, metrics.get());
  for (const auto& [name, policy] : policies) dispatcher.ConfigureCustomer(name, policy);

  transport::ProxyServer server(config.listen, config.limits);
  std::vector<std::unique_ptr<transport::ClassifierClient>> classifiers;
  for (const BackendChoice& backend : config.backends) {
    classifiers.push_back(std::make_unique<transport::ClassifierClient>(backend.address, server.queue()));
    dispatcher.AddBackend(backend.address, backend.slots, config.cost, *classifiers.back());
  }

  metrics->WatchState([&dispatcher](const std::vector<std::string>& names) { return dispatcher.Look(names); });
  const auto endpoint = metrics::MetricsEndpoint::Start(config.metrics_listen, metrics);
  if (!endpoint.ok()) return Fail(endpoint.status(), program::kExitError);
  const auto admin = transport::AdminServer::Start(config.admin_listen, dispatcher);
  if (!admin.ok()) return Fail(admin.status(), program::kExitError);
  if (auto status = server.Start(dispatcher, clock, *metrics, config.threads); !status.ok()) {
    return Fail(status, program::kExitError);
  }
  const std::jthread timer([&dispatcher](const std::stop_token& stop) { dispatcher.RunTimer(stop); });
  const std::jthread adviser([&](const std::stop_token& stop) { adaptive.Run(dispatcher, stop); });

  spdlog::info("serving on {}, admin on {}, metrics on {}: strategy {}, up to {} sequences a batch, {} classifiers",
               server.address(), (*admin)->address(), endpoint->address(), config.strategy.name,
               config.limits.max_batch_size, config.backends.size());
  std::cout << kProgram << " ready listen=" << server.address() << " admin=" << (*admin)->address()
            << " metrics=" << endpoint->address() << std::endl;

  const int signal = signals.Wait();
  spdlog::info("signal {}: draining for at most {} s", signal, config.drain_seconds);
  const std::jthread watchdog = StartWatchdog(config.drain_seconds);
  server.StopServing();
  Drain(dispatcher, signals, config.drain_seconds);
  server.WaitForAnswers();
  spdlog::info("stopped");
  // Shutdown would answer CANCELLED to the calls that come meanwhile, as if their callers had asked for it. Where the
  // process ends with its connections open, the system cuts them, and that reads UNAVAILABLE, as it should.
  spdlog::shutdown();
  std::_Exit(program::kExitOk);
}

int Main(int argc, char** argv) {
  const program::SignalWaiter signals({SIGTERM, SIGINT});
  rpc::TakeOverLibraryLogs();
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
  program::StartLogging(kProgram, config.log);
  return Run(config, signals);
}

}  // namespace
}  // namespace smartbatch::proxy

int main(int argc, char** argv) { return smartbatch::proxy::Main(argc, argv); }
