#include <memory>

#include <fmt/format.h>

#include "tools/loadgen/admin/admin_client.h"
#include "tools/loadgen/output/text_table.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/load_flags.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

struct StrategyFlags {
  ConnectionFlags connection;
  std::string model;
  std::string name;
  std::vector<std::string> parameters;
  CLI::App* get = nullptr;
  CLI::App* set = nullptr;
};

std::string Describe(const proxy::v1::Strategy& strategy) {
  const LabelledStrategy choice = ToChoice(strategy);
  std::string text = choice.name;
  for (const auto& [name, value] : choice.parameters) text += fmt::format(" {}={}", name, value);
  return text;
}

int Get(const AdminClient& admin) {
  const auto active = admin.GetStrategy();
  if (!active.ok()) return ReportError(active.status());
  fmt::print("{} (generation {})\n", Describe(active->current()), active->generation());
  return program::kExitOk;
}

absl::StatusOr<LabelledStrategy> ParseChoice(const StrategyFlags& flags) {
  LabelledStrategy choice{flags.name, {}};
  for (const std::string& parameter : flags.parameters) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError(fmt::format("--param '{}' is not NAME=VALUE", parameter));
    }
    choice.parameters[parameter.substr(0, equals)] = parameter.substr(equals + 1);
  }
  return choice;
}

int Set(const AdminClient& admin, const StrategyFlags& flags) {
  const absl::StatusOr<LabelledStrategy> choice = ParseChoice(flags);
  if (!choice.ok()) return ReportError(choice.status());
  const auto set = admin.SetStrategy(*choice, "loadgen strategy set");
  if (!set.ok()) return ReportError(set.status());
  fmt::print("{} -> {} (generation {}, {} requests in the queue)\n", Describe(set->previous()),
             Describe(set->current()), set->generation(), set->queued_requests());
  return program::kExitOk;
}

int List(const AdminClient& admin) {
  const auto listed = admin.ListStrategies();
  if (!listed.ok()) return ReportError(listed.status());
  for (const proxy::v1::StrategyDescription& strategy : listed->strategies()) {
    fmt::print("{}{}\n    {}\n", strategy.name(), strategy.active() ? " (active)" : "", strategy.description());
    for (const proxy::v1::ParameterDescription& parameter : strategy.parameters()) {
      fmt::print("    {} = {} ({} to {}): {}\n", parameter.name(), parameter.default_value(), parameter.minimum(),
                 parameter.maximum(), parameter.description());
    }
  }
  return program::kExitOk;
}

int Run(const StrategyFlags& flags) {
  const absl::StatusOr<Server> server = AdminServerOf(flags.connection);
  if (!server.ok()) return ReportError(server.status());
  const AdminClient admin(*server, flags.model);
  if (flags.get->parsed()) return Get(admin);
  return flags.set->parsed() ? Set(admin, flags) : List(admin);
}

}  // namespace

Verb AddStrategy(CLI::App& program) {
  auto flags = std::make_shared<StrategyFlags>();
  CLI::App& verb = *program.add_subcommand("strategy", "Show, set or list the proxy's strategies");
  verb.require_subcommand(1);
  AddAdminTargetFlag(verb, flags->connection);
  AddSecurityFlags(verb, flags->connection);
  verb.add_option("--model", flags->model, "The model whose strategy it is, if the proxy serves several")
      ->type_name("NAME");
  flags->get = verb.add_subcommand("get", "Print the active strategy with its parameters")->fallthrough();
  flags->set = verb.add_subcommand("set", "Change the strategy; waiting requests stay in the queue")->fallthrough();
  flags->set->add_option("name", flags->name, "The strategy, as list prints it")->required();
  flags->set->add_option("--param", flags->parameters, "A parameter as NAME=VALUE; may be given several times")
      ->allow_extra_args(false);
  verb.add_subcommand("list", "Print every strategy: what it does, its parameters and their ranges")->fallthrough();
  verb.footer(
      "Examples:\n"
      "  loadgen strategy list\n"
      "  loadgen strategy set fcfs --param linger_ms=20 --admin-target 127.0.0.1:50052\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Run(*flags); }};
}

}  // namespace smartbatch::loadgen
