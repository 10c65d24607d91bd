// smartbatch-proxy: reads its settings, serves, reloads and stops on signals.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/program/descriptors.h"
#include "common/program/flags.h"
#include "common/program/logging.h"
#include "common/program/output.h"
#include "common/program/signals.h"
#include "common/program/watchdog.h"
#include "services/net/handover.h"
#include "services/net/service_manager.h"
#include "services/proxy/config/config.h"
#include "services/proxy/proxy.h"
#include "services/proxy/runtime/clock.h"
#include "services/rpc/library_checks.h"
#include "services/rpc/library_logs.h"

namespace smartbatch::proxy {
namespace {

constexpr char kProgram[] = "smartbatch-proxy";
// How long stopping may take, beyond the time for draining.
constexpr std::chrono::seconds kStopTime{10};

int Fail(const absl::Status& status, int exit_code) {
  program::WritePatiently(STDERR_FILENO, fmt::format("{}: {}\n", kProgram, std::string(status.message())));
  return exit_code;
}

// Waits for a signal to stop, and reloads the configuration at every SIGHUP until then.
int WaitForStop(const program::SignalWaiter& signals, Proxy& proxy) {
  while (true) {
    const int signal = signals.Wait();
    if (signal != SIGHUP) return signal;
    proxy.Reload();
  }
}

int Run(const Config& config, const net::Handover& handover, Proxy::ReadAgain read_again,
        const program::SignalWaiter& signals) {
  const runtime::SteadyClock clock;
  const auto proxy = Proxy::Start(config, handover, std::move(read_again), clock);
  if (!proxy.ok()) {
    return Fail(proxy.status(), absl::IsInvalidArgument(proxy.status()) ? program::kExitUsage : program::kExitError);
  }
  program::WritePatiently(STDOUT_FILENO,
                          fmt::format("{} ready listen={} admin={} metrics={}\n", kProgram, (*proxy)->address(),
                                      (*proxy)->admin_address(), (*proxy)->metrics_address()));
  net::TellReady();

  const int signal = WaitForStop(signals, **proxy);
  program::Watchdog watchdog(kStopTime);
  const double drain_seconds = (*proxy)->drain_seconds();
  watchdog.Extend(FromSeconds(drain_seconds));
  spdlog::info("signal {}: draining for at most {} s", signal, drain_seconds);
  net::TellStopping();
  program::StopTime time(signals, FromSeconds(drain_seconds));
  (*proxy)->Stop(time);
  // The servers are not shut down: calls that arrive meanwhile would be answered CANCELLED, as if their callers had
  // asked for it. When the process ends the system closes the connections, and callers see UNAVAILABLE, as they should.
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
  const std::string file = ConfigFileOf(argc, argv);
  if (!file.empty()) {
    if (const auto status = ReadConfigFile(file, config); !status.ok()) return Fail(status, program::kExitUsage);
  }
  CLI::App app("", kProgram);
  ConfigFlags flags(app, config);
  app.set_version_flag("--version", SMARTBATCH_VERSION);
  int exit_code = 0;
  if (program::ParseOrExit(app, argc, argv, exit_code)) return exit_code;
  if (const auto status = flags.Finish(); !status.ok()) return Fail(status, program::kExitUsage);
  const net::Handover handover{config.settings.share_ports(), *inherited};
  if (*inherited != nullptr) {
    const auto status = (*inherited)
                            ->CheckAddresses({config.settings.listen(), config.settings.admin_listen(),
                                              config.settings.metrics_listen()});
    if (!status.ok()) return Fail(status, program::kExitUsage);
  }
  program::StartLogging(kProgram, {config.settings.log().level(), config.settings.log().format()});
  program::RaiseDescriptorLimit();
  // Proxies that share a busy backend must not retry it at the same moments.
  config.seed = std::random_device()();
  Proxy::ReadAgain read_again;
  if (!file.empty()) read_again = [argc, argv] { return ReadConfig(argc, argv); };
  return Run(config, handover, std::move(read_again), signals);
}

}  // namespace
}  // namespace smartbatch::proxy

int main(int argc, char** argv) { return smartbatch::proxy::Main(argc, argv); }
