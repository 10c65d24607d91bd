#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "absl/strings/str_cat.h"
#include "common/random.h"
#include "tools/loadgen/admin/admin_client.h"
#include "tools/loadgen/admin/strategy_restorer.h"
#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/measurement.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::uint64_t kOrderStream = 0x0BDE2;

struct CompareFlags {
  std::vector<std::string> workloads = {"two-customers", "eight-and-eight"};
  std::vector<std::string> strategies;
  std::uint32_t repeats = 1;
  ConnectionFlags connection;
  LoadFlags load;
  OutputFlags output;
};

absl::StatusOr<std::vector<workload::Workload>> MakeWorkloads(const CompareFlags& flags) {
  std::vector<workload::Workload> workloads;
  for (const std::string& name : flags.workloads) {
    absl::StatusOr<workload::Workload> workload = MakeWorkload(name, flags.load);
    if (!workload.ok()) return workload.status();
    workloads.push_back(*std::move(workload));
  }
  return workloads;
}

// The strategies that were asked for, or all; INVALID_ARGUMENT where the server does not know one.
absl::StatusOr<std::vector<std::string>> ChooseStrategies(const AdminClient& admin,
                                                          const std::vector<std::string>& asked) {
  const absl::StatusOr<proxy::v1::ListStrategiesResponse> listed = admin.ListStrategies();
  if (!listed.ok()) return listed.status();
  std::vector<std::string> known;
  for (const proxy::v1::StrategyDescription& strategy : listed->strategies()) known.push_back(strategy.name());
  for (const std::string& name : asked) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return absl::InvalidArgumentError(
          fmt::format("unknown strategy '{}': the server has {}", name, fmt::join(known, ", ")));
    }
  }
  return asked.empty() ? known : asked;
}

// Workload by workload; within each repeat every strategy once, with the repeat's seed, in random order where
// there are several repeats, so that a drift of the machine does not always hit the same strategy.
std::vector<BlockTask> OrderBlocks(const std::vector<workload::Workload>& workloads,
                                   const std::vector<std::string>& strategies, const CompareFlags& flags) {
  Random random = Random::Stream(flags.load.seed, kOrderStream);
  std::vector<BlockTask> tasks;
  for (const workload::Workload& workload : workloads) {
    for (std::uint32_t repeat = 1; repeat <= flags.repeats; ++repeat) {
      std::vector<std::string> order = strategies;
      for (std::size_t i = order.size(); flags.repeats > 1 && i > 1; --i) {
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.Between(0, static_cast<std::int64_t>(i) - 1))]);
      }
      for (const std::string& strategy : order) {
        tasks.push_back({&workload, {strategy, {}}, repeat, flags.load.seed + repeat - 1});
      }
    }
  }
  return tasks;
}

// Switches, plays and makes sure that nobody else switched meanwhile.
absl::Status PlayTask(const AdminClient& admin, BlockTask task, std::size_t number, std::size_t count,
                      const Interruption& interruption, Duration patience, Measurement& measurement) {
  if (absl::Status empty = admin.WaitUntilEmpty(patience); !empty.ok()) return empty;
  const auto set = admin.SetStrategy(task.strategy, fmt::format("loadgen compare, block {} of {}", number, count));
  if (!set.ok()) return set.status();
  task.strategy = ToChoice(set->current());
  measurement.Play(task, number, count, interruption);
  const absl::StatusOr<proxy::v1::GetStrategyResponse> after = admin.GetStrategy();
  if (!after.ok()) return after.status();
  if (after->generation() != set->generation()) {
    measurement.AddDefect(
        fmt::format("someone else switched the strategy during block {} ({})", number, task.strategy.name));
  }
  return absl::OkStatus();
}

int Compare(const CompareFlags& flags, const std::vector<std::string>& command) {
  const Interruption interruption;
  const absl::StatusOr<std::vector<workload::Workload>> workloads = MakeWorkloads(flags);
  if (!workloads.ok()) return ReportError(workloads.status());
  const AdminClient admin(flags.connection.admin_target);
  const absl::StatusOr<std::vector<std::string>> strategies = ChooseStrategies(admin, flags.strategies);
  if (!strategies.ok()) return ReportError(strategies.status());
  auto measurement = Measurement::Prepare("compare", command, flags.connection, flags.load, flags.output);
  if (!measurement.ok()) return ReportError(measurement.status());
  absl::StatusOr<StrategyRestorer> restorer = StrategyRestorer::Remember(admin);
  if (!restorer.ok()) return ReportError(restorer.status());

  const std::vector<BlockTask> tasks = OrderBlocks(*workloads, *strategies, flags);
  const double seconds = flags.load.seconds + flags.load.warm_up_seconds;
  measurement->Say(fmt::format("{} blocks of {:.4g} s: {} under {}; about {:.0f} s in all; seed {}", tasks.size(),
                               seconds, fmt::join(flags.workloads, " and "), fmt::join(*strategies, ", "),
                               seconds * static_cast<double>(tasks.size()), flags.load.seed));
  const Duration patience = std::chrono::milliseconds(flags.load.deadline_ms) + std::chrono::seconds(5);
  absl::Status failure;
  for (std::size_t i = 0; i < tasks.size() && failure.ok() && !interruption.requested(); ++i) {
    failure = PlayTask(admin, tasks[i], i + 1, tasks.size(), interruption, patience, *measurement);
  }
  const absl::Status restored = restorer->Restore();
  if (!failure.ok()) measurement->AddDefect("the comparison ended early: " + std::string(failure.message()));
  const int code = measurement->Finish(interruption);
  if (!failure.ok()) return ReportError(failure);
  return restored.ok() ? code : ReportError(restored);
}

}  // namespace

Verb AddCompare(CLI::App& program) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App& verb = *program.add_subcommand("compare", "Play the same workloads under one strategy after the other");
  verb.add_option("--workload,--workloads", flags->workloads, "Some of: " + WorkloadNames())
      ->delimiter(',')
      ->capture_default_str();
  verb.add_option("--strategies", flags->strategies, "The strategies to compare (default: all that the server has)")
      ->delimiter(',');
  program::AddFlag(verb, "repeats", flags->repeats, "Blocks for each strategy; from 2 on there are intervals")
      ->check(CLI::Range(1, 1000));
  AddTargetFlag(verb, flags->connection);
  AddAdminTargetFlag(verb, flags->connection);
  AddLoadFlags(verb, flags->load);
  AddOutputFlags(verb, flags->output);
  verb.footer(
      "The strategy that was active is set again at the end, on Ctrl-C too.\n"
      "Examples:\n"
      "  loadgen compare\n"
      "  loadgen compare --strategies fcfs,sjf --workload eight-and-eight --seconds 10 --repeats 5\n");
  return {&verb, [flags, &verb](const std::vector<std::string>& command) {
            return Compare(*flags, CompleteCommand(verb, command));
          }};
}

}  // namespace smartbatch::loadgen
