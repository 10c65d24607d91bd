#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "absl/strings/str_split.h"
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

// The strategies of a comparison without flags, as far as the server has them.
const std::vector<std::string>& UsualStrategies() {
  static const std::vector<std::string> names = {"density", "fair", "fcfs", "sjf"};
  return names;
}

// With these defaults it ends in less than three minutes: 4 strategies, 5 times 6 + 1 seconds and the time to drain.
struct CompareFlags {
  CompareFlags() {
    workload.workloads = {"eight-and-eight"};
    load.seconds = 6;
    load.warm_up_seconds = 1;
  }
  WorkloadFlags workload;
  std::vector<std::string> strategies;
  std::uint32_t repeats = 5;
  ConnectionFlags connection;
  LoadFlags load;
  OutputFlags output;
  ExpectationFlags expectations;
};

// One of the strategies to compare: what to set, and what to call it.
struct Contender {
  LabelledStrategy strategy;
  std::string label;
};

// NAME[:PARAMETER=VALUE]...
absl::StatusOr<Contender> ParseContender(const std::string& text) {
  Contender contender{{}, text};
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  contender.strategy.name = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' in --strategies '{}' is not PARAMETER=VALUE, as in fcfs:linger_ms=0", parts[i], text));
    }
    contender.strategy.parameters[parts[i].substr(0, equals)] = parts[i].substr(equals + 1);
  }
  return contender;
}

// Numbers equal labels: a strategy may be compared with itself, to see what chance alone does.
void NumberEqualLabels(std::vector<Contender>& contenders) {
  std::map<std::string, int> seen;
  for (Contender& contender : contenders) {
    const int number = ++seen[contender.label];
    if (number > 1) contender.label += fmt::format("#{}", number);
  }
}

// The strategies that were asked for, or the usual ones; INVALID_ARGUMENT if the server does not know one.
absl::StatusOr<std::vector<Contender>> ChooseStrategies(const AdminClient& admin, std::vector<std::string> asked) {
  const absl::StatusOr<proxy::v1::ListStrategiesResponse> listed = admin.ListStrategies();
  if (!listed.ok()) return listed.status();
  std::vector<std::string> known;
  for (const proxy::v1::StrategyDescription& strategy : listed->strategies()) known.push_back(strategy.name());
  const auto knows = [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  };
  const std::vector<std::string> all = {"all"};
  if (asked.empty()) {
    std::copy_if(UsualStrategies().begin(), UsualStrategies().end(), std::back_inserter(asked), knows);
    if (asked.size() < 2) asked = all;
  }
  if (asked == all) asked = known;
  std::vector<Contender> contenders;
  for (const std::string& text : asked) {
    absl::StatusOr<Contender> contender = ParseContender(text);
    if (!contender.ok()) return contender.status();
    if (!knows(contender->strategy.name)) {
      return absl::InvalidArgumentError(
          fmt::format("unknown strategy '{}': the server has {}", contender->strategy.name, fmt::join(known, ", ")));
    }
    contenders.push_back(*std::move(contender));
  }
  NumberEqualLabels(contenders);
  return contenders;
}

struct CompareTask {
  // Its strategy is the one to set.
  BlockTask block;
  std::string label;
};

// Workload by workload; within each repeat every strategy once, with the repeat's seed, in random order if
// there are several repeats, so that a drift of the machine does not always hit the same strategy.
std::vector<CompareTask> OrderBlocks(const std::vector<ChosenWorkload>& workloads,
                                     const std::vector<Contender>& contenders, const CompareFlags& flags) {
  Random random = Random::Stream(flags.workload.seed, kOrderStream);
  std::vector<CompareTask> tasks;
  for (const ChosenWorkload& chosen : workloads) {
    for (std::uint32_t repeat = 1; repeat <= flags.repeats; ++repeat) {
      std::vector<Contender> order = contenders;
      for (std::size_t i = order.size(); flags.repeats > 1 && i > 1; --i) {
        std::swap(order[i - 1], order[static_cast<std::size_t>(random.Between(0, static_cast<std::int64_t>(i) - 1))]);
      }
      for (const Contender& contender : order) {
        tasks.push_back({{&chosen.workload, contender.strategy, "", repeat, flags.workload.seed + repeat - 1,
                          flags.workload.seeds().Next(repeat - 1)},
                         contender.label});
      }
    }
  }
  return tasks;
}

// Switches, plays and makes sure that nobody else switched meanwhile.
absl::Status PlayTask(const AdminClient& admin, const CompareTask& compare_task, std::size_t number, std::size_t count,
                      const Interruption& interruption, Duration patience, Measurement& measurement) {
  if (absl::Status empty = admin.WaitUntilEmpty(patience); !empty.ok()) return empty;
  BlockTask task = compare_task.block;
  const auto set = admin.SetStrategy(task.strategy, fmt::format("loadgen compare, block {} of {}", number, count));
  if (!set.ok()) return set.status();
  task.strategy = ToChoice(set->current());
  task.dispatched_by = std::exchange(task.strategy.name, compare_task.label);
  measurement.Play(task, number, count, interruption);
  const absl::StatusOr<proxy::v1::GetStrategyResponse> after = admin.GetStrategy();
  if (!after.ok()) return after.status();
  if (after->generation() != set->generation()) {
    measurement.AddDefect(
        fmt::format("someone else switched the strategy during block {} ({})", number, task.strategy.name));
  }
  return absl::OkStatus();
}

std::vector<workload::Workload> WorkloadsOf(const std::vector<ChosenWorkload>& chosen) {
  std::vector<workload::Workload> workloads;
  for (const ChosenWorkload& each : chosen) workloads.push_back(each.workload);
  return workloads;
}

int Compare(const CLI::App& verb, CompareFlags flags, const std::vector<std::string>& command) {
  const Interruption interruption;
  const auto workloads = ChooseWorkloads(flags.workload, {flags.workload.rho, flags.load.max_batch_size, {}});
  if (!workloads.ok()) return ReportError(workloads.status());
  FitToTrace(verb, workloads->front(), flags.load);
  const absl::StatusOr<Server> admin_server = AdminServerOf(flags.connection);
  if (!admin_server.ok()) return ReportError(admin_server.status());
  const AdminClient admin(*admin_server, flags.load.model);
  auto expectations = Expectations::Prepare(flags.expectations, WorkloadsOf(*workloads));
  if (!expectations.ok()) return ReportError(expectations.status());
  const absl::StatusOr<std::vector<Contender>> contenders = ChooseStrategies(admin, flags.strategies);
  if (!contenders.ok()) return ReportError(contenders.status());
  auto measurement = Measurement::Prepare("compare", command, flags.connection, flags.load, flags.output,
                                          flags.workload, *std::move(expectations));
  if (!measurement.ok()) return ReportError(measurement.status());
  absl::StatusOr<StrategyRestorer> restorer = StrategyRestorer::Remember(admin);
  if (!restorer.ok()) return ReportError(restorer.status());

  const std::vector<CompareTask> tasks = OrderBlocks(*workloads, *contenders, flags);
  std::vector<std::string> labels;
  for (const Contender& contender : *contenders) labels.push_back(contender.label);
  const double seconds = flags.load.seconds + flags.load.warm_up_seconds;
  std::vector<std::string> names;
  for (const ChosenWorkload& chosen : *workloads) names.push_back(chosen.workload.name);
  measurement->Say(fmt::format(
      "{} blocks of {:.4g} s: {} under {}; about {:.0f} s in all, and the waits for an empty queue; seeds of the first "
      "repeat: {}",
      tasks.size(), seconds, fmt::join(names, " and "), fmt::join(labels, ", "),
      seconds * static_cast<double>(tasks.size()), flags.workload.seeds().ToString()));
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
  AddWorkloadFlags(verb, flags->workload, /*several=*/true);
  verb.add_option(
          "--strategies", flags->strategies,
          "The strategies to compare, each as NAME[:PARAMETER=VALUE]..., or all (default: density, fair, fcfs and sjf, "
          "as far as the server has them)")
      ->delimiter(',');
  program::AddFlag(verb, "repeats", flags->repeats,
                   "Blocks for each strategy, each with a seed of its own; from 2 on "
                   "there are intervals")
      ->check(CLI::Range(1, 1000));
  AddConnectionFlags(verb, flags->connection);
  AddLoadFlags(verb, flags->load);
  AddOutputFlags(verb, flags->output);
  AddExpectationFlags(verb, flags->expectations);
  verb.footer(
      "The strategy that was active is set again at the end, on Ctrl-C too.\n"
      "Examples:\n"
      "  loadgen compare\n"
      "  loadgen compare --strategies fcfs,sjf --workload eight-and-eight --seconds 10 --repeats 5\n"
      "  loadgen compare --strategies fcfs,fcfs:linger_ms=0 --slo 'A:p95<500ms'\n");
  return {&verb, [flags, &verb](const std::vector<std::string>& command) {
            return Compare(verb, *flags, CompleteCommand(verb, command));
          }};
}

}  // namespace smartbatch::loadgen
