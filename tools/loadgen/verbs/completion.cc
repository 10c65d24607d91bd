#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/verbs.h"
#include "tools/loadgen/verbs/workload_flags.h"

namespace smartbatch::loadgen {
namespace {

// The values of an option that takes one of a closed list: `{live,none}` in the text that --help shows.
std::string Choices(const CLI::Option& option) {
  if (option.check_lname("strategies")) {
    std::string names;
    for (const auto& strategy : scheduling::AllStrategies()) names += strategy.name + " ";
    return names;
  }
  if (option.check_lname("workload")) {
    std::string names = WorkloadNames();
    names.erase(std::remove(names.begin(), names.end(), ','), names.end());
    return names;
  }
  const std::string type = option.get_type_name();
  const std::size_t open = type.find('{');
  const std::size_t close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return {};
  std::string choices = type.substr(open + 1, close - open - 1);
  std::replace(choices.begin(), choices.end(), ',', ' ');
  return choices;
}

// The flags of a verb and of those above it.
std::set<std::string> Flags(const CLI::App* app) {
  std::set<std::string> flags;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* const option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) flags.insert("--" + name);
    }
    if (app->get_parent() != nullptr && app->get_parent()->get_parent() == nullptr) break;
  }
  return flags;
}

std::string Words(const CLI::App& app) {
  std::string words;
  for (const CLI::App* const verb : Verbs(app)) words += verb->get_name() + " ";
  return fmt::format("{}{}", words, fmt::join(Flags(&app), " "));
}

// One case for each verb: `run) words="..." ;;`, and for the verbs below it `'strategy set')`.
void AddCases(const CLI::App& app, const std::string& path, std::string& text) {
  text += fmt::format("    '{}') words='{}' ;;\n", path, Words(app));
  for (const CLI::App* const verb : Verbs(app)) {
    AddCases(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), text);
  }
}

// The same for the values of an option: `'run --progress') words="..." ;;`.
void AddChoices(const CLI::App& app, const std::string& path, std::string& text) {
  for (const CLI::Option* const option : app.get_options()) {
    const std::string choices = Choices(*option);
    if (choices.empty()) continue;
    for (const std::string& name : option->get_lnames()) {
      text += fmt::format("    '{} --{}') words='{}' ;;\n", path, name, choices);
    }
  }
  for (const CLI::App* const verb : Verbs(app)) {
    AddChoices(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), text);
  }
}

// The verbs as the pattern of a case: run | strategy | 'strategy set'.
std::string Pattern(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* const verb : Verbs(program)) {
    names.push_back(verb->get_name());
    for (const CLI::App* const below : Verbs(*verb))
      names.push_back("'" + verb->get_name() + " " + below->get_name() + "'");
  }
  return fmt::format("{}", fmt::join(names, " | "));
}

std::string BashCompletion(const CLI::App& program) {
  std::string verbs;
  AddCases(program, "", verbs);
  std::string choices;
  AddChoices(program, "", choices);
  return fmt::format(R"-(# Completion of {0} for bash, as `{0} completion` prints it.
_{0}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} verb='' words='' next i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="$verb${{verb:+ }}${{COMP_WORDS[i]}}"
    case "$next" in
      {1}) verb=$next ;;
    esac
  done
  case "$verb" in
{2}  esac
  case "$verb $previous" in
{3}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o default -F _{0} {0}
)-",
                     program.get_name(), Pattern(program), verbs, choices);
}

}  // namespace

Verb AddCompletion(CLI::App& program) {
  CLI::App& verb = *program.add_subcommand("completion", "Print the completion for bash");
  verb.footer(
      "Examples:\n"
      "  source <(loadgen completion)\n"
      "  loadgen completion >~/.local/share/bash-completion/completions/loadgen\n");
  return {&verb, [&program](const std::vector<std::string>&) {
            fmt::print("{}", BashCompletion(program));
            return program::kExitOk;
          }};
}

}  // namespace smartbatch::loadgen
