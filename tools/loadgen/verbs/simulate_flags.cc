#include "tools/loadgen/verbs/simulate_flags.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/published/published_policies.h"
#include "services/proxy/simulation/workload_feed.h"

namespace smartbatch::loadgen {
namespace {

std::optional<double> ParseNumber(const std::string& text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

// The text before and after the first `separator`; nothing if either is empty.
std::optional<std::pair<std::string, std::string>> Split(const std::string& text, const std::string& separator) {
  const std::size_t place = text.find(separator);
  if (place == std::string::npos || place == 0 || place + separator.size() == text.size()) return std::nullopt;
  return std::pair(text.substr(0, place), text.substr(place + separator.size()));
}

absl::Status Malformed(const char* flag, const std::string& value, const char* form) {
  return absl::InvalidArgumentError(fmt::format("--{} '{}' is not {}", flag, value, form));
}

// The parameters given for the strategy of that name.
absl::StatusOr<scheduling::StrategyChoice> ChoiceOf(const std::string& name, const SimulateFlags& flags) {
  scheduling::StrategyChoice choice{name, {}};
  for (const std::string& text : flags.parameters) {
    const auto assignment = Split(text, "=");
    const auto target = assignment ? Split(assignment->first, ".") : std::nullopt;
    if (!target) return Malformed("param", text, "STRATEGY.NAME=VALUE, such as fcfs.linger_ms=20");
    if (simulation::FindSimulated(target->first) == nullptr) {
      return simulation::CheckSimulated({target->first, {}}).status();
    }
    if (target->first == name) choice.parameters[target->second] = assignment->second;
  }
  const auto checked = simulation::CheckSimulated(choice);
  if (!checked.ok()) return checked.status();
  return choice;
}

absl::Status AddSwitches(const SimulateFlags& flags, simulation::SimulationOptions& options) {
  for (const std::string& text : flags.switches) {
    const auto parts = Split(text, "=");
    const std::optional<double> seconds = parts ? ParseNumber(parts->first) : std::nullopt;
    if (!seconds || *seconds < 0) return Malformed("switch", text, "SECONDS=STRATEGY, such as 60=sjf");
    auto choice = ChoiceOf(parts->second, flags);
    if (!choice.ok()) return choice.status();
    options.switches.push_back({Time(FromSeconds(*seconds)), *std::move(choice)});
  }
  std::stable_sort(options.switches.begin(), options.switches.end(),
                   [](const auto& left, const auto& right) { return left.time < right.time; });
  return absl::OkStatus();
}

absl::Status AddPolicies(const SimulateFlags& flags, simulation::SimulationOptions& options) {
  for (const std::string& text : flags.weights) {
    const auto parts = Split(text, "=");
    const std::optional<double> weight = parts ? ParseNumber(parts->second) : std::nullopt;
    if (!weight || !(*weight > 0)) return Malformed("weight", text, "CUSTOMER=WEIGHT with a weight above 0");
    options.customers[parts->first].weight = *weight;
  }
  for (const std::string& text : flags.tiers) {
    const auto parts = Split(text, "=");
    const std::optional<double> tier = parts ? ParseNumber(parts->second) : std::nullopt;
    if (!tier || !(*tier >= 0 && *tier <= 100) || *tier != static_cast<std::uint32_t>(*tier)) {
      return Malformed("tier", text, "CUSTOMER=TIER with a whole number from 0 (the highest) to 100");
    }
    options.customers[parts->first].tier = static_cast<std::uint32_t>(*tier);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<simulation::Outage>> OutagesOf(const SimulateFlags& flags) {
  std::vector<simulation::Outage> outages;
  for (const std::string& text : flags.outages) {
    const auto parts = Split(text, "..");
    const std::optional<double> from = parts ? ParseNumber(parts->first) : std::nullopt;
    const std::optional<double> to = parts ? ParseNumber(parts->second) : std::nullopt;
    if (!from || !to || *from < 0 || *to <= *from)
      return Malformed("outage", text, "FROM..TO in seconds, as in 10..15");
    outages.push_back({Time(FromSeconds(*from)), Time(FromSeconds(*to))});
  }
  std::sort(outages.begin(), outages.end(), [](const auto& left, const auto& right) { return left.from < right.from; });
  return outages;
}

void AddFaultFlags(CLI::App& verb, SimulateFlags& flags) {
  verb.add_option("--jitter", flags.jitter, "Sigma of the lognormal factor, of mean 1, on every batch's time")
      ->capture_default_str();
  verb.add_option("--fault-error-rate", flags.faults.error_rate, "Share of the batches that fail");
  verb.add_option("--fault-slow-rate", flags.faults.slow_rate, "Share of the batches that are slow");
  verb.add_option("--fault-slow-factor", flags.faults.slow_factor, "How slow they are")->capture_default_str();
  verb.add_option("--fault-hang-rate", flags.faults.hang_rate, "Share of the batches that are never answered");
  verb.add_option("--outage", flags.outages, "FROM..TO in seconds: no backend can be reached; may be given again")
      ->allow_extra_args(false);
  verb.add_option("--cancel-share", flags.cancel_share, "Share of the requests whose callers give up");
  verb.add_option("--mean-patience-ms", flags.mean_patience_ms, "After how long, in the mean")
      ->check(CLI::Range(0.001, 1e9))
      ->capture_default_str();
  verb.add_option("--deadline-share", flags.deadline_share, "Share of the requests that have a deadline");
  verb.add_option("--deadline-ms", flags.deadline_ms, "The deadline, from the arrival on")
      ->check(CLI::Range(0.001, 1e9))
      ->capture_default_str();
  verb.add_option("--latency-objective-ms", flags.latency_objective_ms,
                  "How soon requests without a deadline should be answered: the proxy's latency_objective_ms")
      ->check(CLI::Range(0.001, 1e9))
      ->capture_default_str();
}

}  // namespace

void AddCostFlags(CLI::App& verb, SimulateFlags& flags) {
  program::AddCostFlags(verb, "cost-", "What a batch takes: ", flags.cost, program::InEnvironment::kNo);
  program::AddCostFlags(verb, "believed-cost-", "What the scheduler is told instead: ", flags.believed,
                        program::InEnvironment::kNo);
  verb.add_option("--learn-costs", flags.learn_costs, "Whether it corrects that by what batches take")
      ->capture_default_str();
}

void AddSimulateFlags(CLI::App& verb, SimulateFlags& flags) {
  flags.workload.workloads = {"seedopen"};
  AddWorkloadFlags(verb, flags.workload, /*several=*/false);
  verb.add_option("--requests", flags.requests, "How many requests are offered")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}))
      ->capture_default_str();
  verb.add_option("--warm-up-share", flags.warm_up_share, "Share of the requests that is left out of the figures")
      ->capture_default_str();
  verb.add_flag("--allow-unstable", flags.allow_unstable, "Run a workload that no strategy can keep up with");

  verb.add_option(
          "--strategies", flags.strategies,
          fmt::format(
              "Names, separated by commas: the proxy's strategies ({}; all of them if none is given), and policies of "
              "other systems: {}",
              scheduling::StrategyNames(), scheduling::StrategyNames(simulation::PublishedPolicies())))
      ->delimiter(',');
  verb.add_option("--param", flags.parameters, "STRATEGY.NAME=VALUE; may be given again")->allow_extra_args(false);
  verb.add_option("--switch", flags.switches, "SECONDS=STRATEGY: switch at that time; may be given again")
      ->allow_extra_args(false);
  verb.add_option("--weight", flags.weights, "CUSTOMER=WEIGHT; may be given again")->allow_extra_args(false);
  verb.add_option("--tier", flags.tiers, "CUSTOMER=TIER, 0 being the highest; may be given again")
      ->allow_extra_args(false);

  verb.add_option("--batch-size", flags.max_batch_size, "Sequences in a batch")->capture_default_str();
  verb.add_option("--backends", flags.backends, "Backends")->check(CLI::Range(1, 1000))->capture_default_str();
  verb.add_option("--slots", flags.slots, "Batches at once on each backend")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  AddCostFlags(verb, flags);
  AddFaultFlags(verb, flags);

  AddChartFlags(verb, flags.chart);
  verb.add_option("--trace-out", flags.trace_out, "Write the requests that the first strategy met, in that form");
  verb.add_option("--decisions-out", flags.decisions_out, "Write a JSON line for every batch");
  verb.add_option("--format", flags.format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  verb.add_option("--progress", flags.progress, "auto (a line if standard error is a terminal), live or none")
      ->check(CLI::IsMember({"auto", "live", "none"}))
      ->capture_default_str();
}

absl::StatusOr<std::vector<scheduling::StrategyChoice>> StrategiesOf(const SimulateFlags& flags) {
  std::vector<std::string> names = flags.strategies;
  if (names.empty()) {
    for (const auto& specification : scheduling::AllStrategies()) names.push_back(specification.name);
  }
  std::vector<scheduling::StrategyChoice> choices;
  for (const std::string& name : names) {
    auto choice = ChoiceOf(name, flags);
    if (!choice.ok()) return choice.status();
    choices.push_back(*std::move(choice));
  }
  return choices;
}

absl::StatusOr<simulation::SimulationOptions> SimulationOptionsOf(const SimulateFlags& flags) {
  simulation::SimulationOptions options;
  options.scheduler.max_batch_size = flags.max_batch_size;
  options.scheduler.max_sequence_length = scheduling::kLongestSequence;
  options.scheduler.learn_costs = flags.learn_costs;
  options.scheduler.latency_objective = FromSeconds(flags.latency_objective_ms / 1e3);
  options.warmup_share = flags.warm_up_share;
  options.seed = flags.workload.seed;
  options.impatience = {flags.cancel_share, FromSeconds(flags.mean_patience_ms / 1e3), flags.deadline_share,
                        FromSeconds(flags.deadline_ms / 1e3)};
  if (absl::Status status = AddSwitches(flags, options); !status.ok()) return status;
  if (absl::Status status = AddPolicies(flags, options); !status.ok()) return status;

  simulation::SimulatedBackend backend;
  backend.slots = flags.slots;
  backend.true_cost = flags.cost.Over({});
  backend.believed_cost = flags.believed.Over(backend.true_cost);
  if (absl::Status status = backend.true_cost.Validate("--cost-"); !status.ok()) return status;
  if (absl::Status status = backend.believed_cost.Validate("--believed-cost-"); !status.ok()) return status;
  backend.jitter = flags.jitter;
  backend.faults = flags.faults;
  auto outages = OutagesOf(flags);
  if (!outages.ok()) return outages.status();
  backend.outages = *std::move(outages);
  if (absl::Status status = backend.Validate(); !status.ok()) return status;
  options.backends.clear();
  for (std::uint32_t i = 0; i < flags.backends; ++i) {
    backend.name = fmt::format("backend-{}", i);
    options.backends.push_back(backend);
  }
  return options;
}

absl::StatusOr<ChosenWorkload> WorkloadOf(const SimulateFlags& flags) {
  const std::uint32_t slots = flags.backends * flags.slots;
  const CostModel cost = flags.cost.Over({});
  auto chosen = ChooseWorkload(flags.workload, {flags.workload.rho * slots, flags.max_batch_size, cost});
  if (!chosen.ok() || chosen->trace || flags.allow_unstable) return chosen;
  const double utilization = simulation::LeastUtilization(chosen->workload, cost, flags.max_batch_size, slots);
  if (utilization < 1) return chosen;
  return absl::InvalidArgumentError(
      fmt::format("workload '{}' cannot be stable: perfectly packed batches would take {:.2f} times the available "
                  "time; lower --rho "
                  "or its rates, raise --slots, or run it with --allow-unstable",
                  chosen->workload.name, utilization));
}

}  // namespace smartbatch::loadgen
