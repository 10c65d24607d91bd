#include <memory>
#include <optional>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "common/file.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/replay.h"
#include "services/proxy/simulation/trace.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

struct VerifyFlags {
  std::string path;
  std::string strategy;
};

int Verify(const VerifyFlags& flags) {
  std::optional<scheduling::StrategyChoice> instead;
  if (!flags.strategy.empty()) {
    instead = {flags.strategy, {}};
    if (const auto checked = scheduling::CheckChoice(*instead); !checked.ok()) return ReportError(checked.status());
  }
  auto text = ReadFile(flags.path, simulation::kLargestRecordingBytes, FileKind::kAnyStream);
  if (!text.ok()) return ReportError(text.status());
  std::istringstream file(*std::move(text));
  const auto result = simulation::Replay(file, instead);
  if (!result.ok()) {
    const std::string message(result.status().message());
    return ReportError(absl::InvalidArgumentError(fmt::format("{}: {}", flags.path, message)));
  }
  fmt::print("{} requests, {} batches that are the same\n", result->requests, result->same_batches);
  if (!result->ended_early.empty()) fmt::print("compared no further: {}\n", result->ended_early);
  if (result->difference.empty()) return program::kExitOk;
  fmt::print("then one that is not: {}\n", result->difference);
  return program::kExitError;
}

}  // namespace

Verb AddVerify(CLI::App& program) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App& verb = *program.add_subcommand(
      "verify", "Play a proxy's --decision-log back through the scheduler: does it choose the same batches?");
  verb.add_option("log", flags->path, "The file that the proxy wrote")->required()->type_name("FILE");
  verb.add_option("--strategy", flags->strategy, "Let another strategy choose, until it chooses differently")
      ->type_name("NAME");
  verb.footer(
      "Exit codes: 0 every batch is the same; 1 one differs, and is shown; 2 wrong usage, or not a decision log.\n"
      "Examples:\n"
      "  smartbatch-proxy --decision-log decisions.jsonl\n"
      "  loadgen verify decisions.jsonl\n"
      "  grep '\"event\":\"request\"' decisions.jsonl >trace.jsonl\n"
      "  loadgen simulate --trace-in trace.jsonl --strategies density,sjf\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Verify(*flags); }};
}

}  // namespace smartbatch::loadgen
