#include "tools/loadgen/verbs/command_line.h"

#include <algorithm>

namespace smartbatch::loadgen {
namespace {

bool IsGiven(const std::vector<std::string>& arguments, const std::string& flag) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [&](const std::string& argument) { return argument == flag || argument.starts_with(flag + "="); });
}

std::string Quote(const std::string& argument) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string::npos) return argument;
  std::string quoted = "'";
  for (const char letter : argument) quoted += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return quoted + '\'';
}

}  // namespace

std::vector<std::string> CompleteCommand(const CLI::App& verb, std::vector<std::string> arguments) {
  const std::vector<std::string> given = arguments;
  for (const CLI::Option* const option : verb.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string flag = "--" + option->get_lnames().front();
    const bool decides = option->count() > 0 || flag == "--seed";
    const bool is_given = std::any_of(option->get_lnames().begin(), option->get_lnames().end(),
                                      [&](const std::string& name) { return IsGiven(given, "--" + name); });
    if (!decides || is_given) continue;
    arguments.push_back(flag);
    arguments.push_back(option->count() > 0 ? option->results().front() : option->get_default_str());
  }
  return arguments;
}

std::string QuoteCommand(const std::vector<std::string>& arguments) {
  std::string command;
  for (const std::string& argument : arguments) command += (command.empty() ? "" : " ") + Quote(argument);
  return command;
}

std::vector<const CLI::App*> Verbs(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

}  // namespace smartbatch::loadgen
