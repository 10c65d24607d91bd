#include <cmath>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "tools/loadgen/admin/admin_client.h"
#include "tools/loadgen/admin/strategy_restorer.h"
#include "tools/loadgen/analysis/validity.h"
#include "tools/loadgen/engine/arrival_plan.h"
#include "tools/loadgen/engine/block.h"
#include "tools/loadgen/engine/now.h"
#include "tools/loadgen/output/progress.h"
#include "tools/loadgen/output/result_folder.h"
#include "tools/loadgen/sweep/trial.h"
#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/environment.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/interruption.h"
#include "tools/loadgen/verbs/load_flags.h"
#include "tools/loadgen/verbs/simulate_flags.h"
#include "tools/loadgen/verbs/sweep_report.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

// A simulated trial costs almost nothing, so it may be more precise than the server's.
constexpr double kSimulatedPrecision = 1.005;
constexpr double kSimulatedStep = 1.5;
constexpr int kSimulatedTrials = 60;
// A server's search begins at the simulated rate, which should not be far off.
constexpr double kStepFromSimulated = 1.08;
constexpr double kStepFromElsewhere = 1.5;

struct SweepFlags {
  std::string objective;
  bool simulate_only = false;
  bool server_only = false;
  double start = 0;
  double precision_percent = 2;
  int most_trials = 12;
  double most_difference_percent = 0;  // 0: not checked
  SimulateFlags simulated;
  WorkloadFlags workload;
  ConnectionFlags connection;
  LoadFlags load;
  OutputFlags output;
};

// Tries rates of one workload against a server.
class ServerTrials {
 public:
  static absl::StatusOr<ServerTrials> Prepare(const SweepFlags& flags) {
    absl::StatusOr<Server> admin = AdminServerOf(flags.connection);
    if (!admin.ok()) return admin.status();
    absl::StatusOr<TextSource> text = TextSource::Choose(flags.load.text_from);
    if (!text.ok()) return text.status();
    auto client = ConnectClient(flags.connection, flags.load);
    if (!client.ok()) return client.status();
    return ServerTrials(flags, std::make_unique<AdminClient>(*std::move(admin), flags.load.model), *std::move(text),
                        *std::move(client));
  }

  const AdminClient& admin() const { return *admin_; }

  // CANCELLED if it was interrupted.
  absl::StatusOr<Block> Play(const workload::Workload& workload, const LabelledStrategy& strategy,
                             const Interruption& interruption) const {
    const LoadFlags& load = flags_->load;
    const Duration deadline = std::chrono::milliseconds(load.deadline_ms);
    if (absl::Status empty = admin_->WaitUntilEmpty(deadline + std::chrono::seconds(5)); !empty.ok()) return empty;
    const auto set = admin_->SetStrategy(strategy, "loadgen sweep");
    if (!set.ok()) return set.status();
    Block block;
    block.workload = workload.name;
    block.strategy = ToChoice(set->current());
    block.warm_up = FromSeconds(load.warm_up_seconds);
    block.measured = FromSeconds(load.seconds);
    BlockOptions options;
    options.length = block.warm_up + block.measured;
    options.max_in_flight = load.max_in_flight;
    options.drain = deadline + std::chrono::seconds(2);
    ArrivalPlan plan(workload, flags_->workload.seeds(), text_);
    RunRecorder recorder;
    const double cpu_before = ProcessCpuSeconds();
    PlayBlock(options, plan, *client_, recorder, interruption.token());
    if (interruption.requested()) return absl::CancelledError("the sweep was interrupted");
    block.generator_cpu_seconds = ProcessCpuSeconds() - cpu_before;
    for (std::uint32_t i = 0; i < plan.customer_count(); ++i) block.customers.push_back(plan.name(i));
    block.records = recorder.TakeRecords();
    block.messages = recorder.TakeMessages();
    if (std::string gone = ServerGone(block); !gone.empty()) block.defects.push_back(std::move(gone));
    return block;
  }

 private:
  ServerTrials(const SweepFlags& flags, std::unique_ptr<AdminClient> admin, TextSource text,
               std::unique_ptr<Client> client)
      : flags_(&flags), admin_(std::move(admin)), text_(std::move(text)), client_(std::move(client)) {}

  const SweepFlags* flags_;
  std::unique_ptr<AdminClient> admin_;
  TextSource text_;
  std::unique_ptr<Client> client_;
};

class Sweep {
 public:
  Sweep(const SweepFlags& flags, std::vector<std::string> command)
      : flags_(flags), command_(std::move(command)), progress_(ChooseProgressMode(flags.output.progress)) {}

  int Run() {
    const absl::Status prepared = Prepare();
    if (!prepared.ok()) return ReportError(prepared);
    const absl::StatusOr<ResultFolder> folder = ResultFolder::Open(flags_.output.results);
    if (!folder.ok()) return ReportError(folder.status());

    absl::Status failure = flags_.simulate_only ? absl::OkStatus() : Connect();
    for (const scheduling::StrategyChoice& strategy : strategies_) {
      if (failure.ok()) failure = SweepOne(strategy);
    }
    const absl::Status restored = restorer_ ? restorer_->Restore() : absl::OkStatus();
    report_.interrupted = interruption_.requested();
    const bool any = !report_.entries.empty();
    if (!failure.ok() && !report_.interrupted) return ReportError(failure);
    if (any) {
      fmt::print("{}", SweepText(report_));
      const std::string stem = report_.provenance.stamp + "_sweep";
      for (const absl::Status& status :
           {folder->Write(stem + ".txt", SweepText(report_)), folder->Write(stem + ".json", SweepJson(report_))}) {
        if (!status.ok()) return ReportError(status);
      }
      fmt::print("\nWritten to {}: {}.txt, {}.json\n", folder->path().string(), stem, stem);
    }
    if (report_.interrupted) return kExitInterrupted;
    if (!restored.ok()) return ReportError(restored);
    return ExitCode();
  }

 private:
  absl::Status Prepare() {
    auto objective = ParseObjective(flags_.objective);
    if (!objective.ok()) {
      return absl::InvalidArgumentError(fmt::format("--slo {}", std::string(objective.status().message())));
    }
    report_.objective = *std::move(objective);
    auto chosen = ChooseWorkload(flags_.workload, {flags_.workload.rho, flags_.load.max_batch_size, {}});
    if (!chosen.ok()) return chosen.status();
    own_rate_ = workload::MeanRequestsPerSecond(chosen->workload);
    if (own_rate_ <= 0 || chosen->trace) {
      return absl::InvalidArgumentError(fmt::format(
          "workload '{}' has no rate to change: sweep takes workloads with open loops", chosen->workload.name));
    }
    workload_ = chosen->workload;
    auto strategies = StrategiesOf(flags_.simulated);
    if (!strategies.ok()) return strategies.status();
    strategies_ = *std::move(strategies);
    SimulateFlags simulated = flags_.simulated;
    simulated.max_batch_size = flags_.load.max_batch_size;
    auto options = SimulationOptionsOf(simulated);
    if (!options.ok()) return options.status();
    simulation_ = *std::move(options);

    const Moment now = DescribeNow();
    report_.provenance.verb = "sweep";
    report_.provenance.target = flags_.connection.target;
    report_.provenance.stamp = now.stamp;
    report_.provenance.started_at = now.text;
    report_.provenance.command = QuoteCommand(command_);
    report_.provenance.environment = DescribeEnvironment();
    report_.provenance.environment.emplace_back("seeds", flags_.workload.seeds().ToString());
    report_.workload = workload_.name;
    report_.seconds = flags_.load.seconds;
    report_.warm_up_seconds = flags_.load.warm_up_seconds;
    return absl::OkStatus();
  }

  absl::Status Connect() {
    auto server = ServerTrials::Prepare(flags_);
    if (!server.ok()) return server.status();
    server_ = std::make_unique<ServerTrials>(*std::move(server));
    auto restorer = StrategyRestorer::Remember(server_->admin());
    if (!restorer.ok()) return restorer.status();
    restorer_.emplace(*std::move(restorer));
    return absl::OkStatus();
  }

  absl::Status SweepOne(const scheduling::StrategyChoice& strategy) {
    SweepEntry entry{{strategy.name, strategy.parameters}, {}, {}};
    if (!flags_.server_only) {
      auto simulated = FindLargestRate(
          {flags_.start > 0 ? flags_.start : own_rate_, kSimulatedStep, kSimulatedPrecision, kSimulatedTrials},
          [&](double rate) { return TrySimulated(strategy, rate); });
      if (!simulated.ok()) return simulated.status();
      entry.simulated = *std::move(simulated);
      Say(strategy.name, "simulated", *entry.simulated);
    }
    if (server_) {
      const std::optional<double> expected = entry.simulated ? entry.simulated->Estimate() : std::nullopt;
      RateSearchOptions options;
      options.start = flags_.start > 0 ? flags_.start : expected.value_or(own_rate_);
      options.step = flags_.start <= 0 && expected ? kStepFromSimulated : kStepFromElsewhere;
      options.precision = 1 + flags_.precision_percent / 100;
      options.most_trials = flags_.most_trials;
      auto found = FindLargestRate(options, [&](double rate) { return TryServer(entry.strategy, rate); });
      if (!found.ok()) return found.status();
      entry.server = *std::move(found);
      Say(strategy.name, "server", *entry.server);
    }
    report_.entries.push_back(std::move(entry));
    return absl::OkStatus();
  }

  workload::Workload AtRate(double rate) const { return workload::Scaled(workload_, rate / own_rate_); }

  absl::StatusOr<Trial> TrySimulated(const scheduling::StrategyChoice& strategy, double rate) {
    if (interruption_.requested()) return absl::CancelledError("the sweep was interrupted");
    simulation_.strategy = strategy;
    const auto block =
        SimulateBlock(AtRate(rate), flags_.workload.seeds(),
                      {FromSeconds(flags_.load.warm_up_seconds), FromSeconds(flags_.load.seconds)}, simulation_);
    if (!block.ok()) return block.status();
    return Judge(*block, report_.objective, rate, flags_.load.max_dispatch_delay_ms);
  }

  absl::StatusOr<Trial> TryServer(const LabelledStrategy& strategy, double rate) {
    const auto block = server_->Play(AtRate(rate), strategy, interruption_);
    if (!block.ok()) return block.status();
    auto trial = Judge(*block, report_.objective, rate, flags_.load.max_dispatch_delay_ms);
    if (!trial.ok()) return trial.status();
    progress_.Say(fmt::format("{} at {:.2f} requests/s: {} {}{}", strategy.name, rate,
                              trial->measured ? fmt::format("{:.1f}", *trial->measured) : "no figure",
                              trial->met ? "holds" : "breaks",
                              trial->defect.empty() ? "" : " (" + trial->defect + ")"));
    return trial;
  }

  void Say(const std::string& strategy, const char* where, const RateSearchResult& found) {
    progress_.Say(fmt::format("{} {}: {}", strategy, where,
                              found.held ? fmt::format("{} holds up to {:.2f} requests/s", report_.objective.text,
                                                       found.held->requests_per_second)
                                         : report_.objective.text + " did not hold at any rate tried"));
  }

  int ExitCode() const {
    for (const SweepEntry& entry : report_.entries) {
      const std::optional<double> difference = entry.Difference();
      if (flags_.most_difference_percent > 0 && difference &&
          std::abs(*difference) * 100 > flags_.most_difference_percent) {
        fmt::print(stderr, "loadgen: {} is {:+.1f} % from what was simulated; {} % are allowed\n", entry.strategy.name,
                   100 * *difference, flags_.most_difference_percent);
        return kExitWorse;
      }
    }
    return report_.Defects().empty() ? program::kExitOk : kExitInvalid;
  }

  const SweepFlags& flags_;
  const std::vector<std::string> command_;
  const Interruption interruption_;
  Progress progress_;
  workload::Workload workload_;
  double own_rate_ = 0;
  std::vector<scheduling::StrategyChoice> strategies_;
  simulation::SimulationOptions simulation_;
  std::unique_ptr<ServerTrials> server_;
  std::optional<StrategyRestorer> restorer_;
  SweepReport report_;
};

}  // namespace

Verb AddSweep(CLI::App& program) {
  auto flags = std::make_shared<SweepFlags>();
  flags->workload.workloads = {"elephants"};
  flags->load.seconds = 60;
  flags->simulated.strategies = {"fcfs", "sjf", "density"};
  CLI::App& verb = *program.add_subcommand("sweep", "Find the largest rate that keeps an objective, per strategy");
  verb.add_option("--slo", flags->objective, "The objective, such as p95<500ms or small:p99<2s")->required();
  verb.add_option("--strategies", flags->simulated.strategies, "Names, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  verb.add_option("--param", flags->simulated.parameters, "STRATEGY.NAME=VALUE; may be given again")
      ->allow_extra_args(false);
  auto* const simulate = verb.add_flag("--simulate", flags->simulate_only, "In virtual time only: no server");
  verb.add_flag("--no-simulation", flags->server_only, "Against the server only")->excludes(simulate);
  verb.add_option("--start", flags->start,
                  "Requests a second to begin with (default: what the simulation found, or the workload's own rate)")
      ->check(CLI::Range(1e-6, 1e7));
  program::AddFlag(verb, "precision-percent", flags->precision_percent,
                   "How far the rate that holds and the one that breaks may be apart")
      ->check(CLI::Range(0.1, 50.0));
  program::AddFlag(verb, "most-trials", flags->most_trials, "Trials of a strategy at the server")
      ->check(CLI::Range(1, 1000));
  verb.add_option("--most-difference-percent", flags->most_difference_percent,
                  "Exit code 4 if the server's rate is further from the simulated one")
      ->check(CLI::Range(0.1, 1000.0));
  AddCostFlags(verb, flags->simulated);
  AddWorkloadFlags(verb, flags->workload, /*several=*/false);
  AddConnectionFlags(verb, flags->connection);
  AddLoadFlags(verb, flags->load);
  AddOutputFlags(verb, flags->output);
  verb.footer(
      "Every trial plays the same requests, quicker or slower. The simulation plays them too, for as long: the two "
      "rates\n"
      "differ by what the server adds, not by chance. A short trial hides that a queue grows: raise --seconds to find\n"
      "what can be kept up. The strategy that was active is set again at the end.\n"
      "Examples:\n"
      "  loadgen sweep --slo 'mean<200ms' --strategies fcfs,sjf,density\n"
      "  loadgen sweep --slo 'small:p99<2s' --simulate --workload seedopen --seconds 3000\n");
  return {&verb, [flags, &verb](const std::vector<std::string>& command) {
            return Sweep(*flags, CompleteCommand(verb, command)).Run();
          }};
}

}  // namespace smartbatch::loadgen
