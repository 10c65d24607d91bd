// The command line: what repeats a run, and the verbs that there are.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace smartbatch::loadgen {

// The arguments as they were given, with what else decided: flags of `verb` that came from the environment, and
// the seed.
std::vector<std::string> CompleteCommand(const CLI::App& verb, std::vector<std::string> arguments);

// The command line as a shell takes it.
std::string QuoteCommand(const std::vector<std::string>& arguments);

// The verbs right below `app`, whether given or not; as long as it lives.
std::vector<const CLI::App*> Verbs(const CLI::App& app);

}  // namespace smartbatch::loadgen
