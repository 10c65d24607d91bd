// The command line: what repeats a run, and the verbs that there are.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace smartbatch::loadgen {

// The arguments as they were given, and what else decided the run: flags of `verb` that came from the environment,
// and the seed.
std::vector<std::string> CompleteCommand(const CLI::App& verb, std::vector<std::string> arguments);

// The command line as a shell takes it.
std::string QuoteCommand(const std::vector<std::string>& arguments);

// The verbs directly below `app`, whether given or not. They live as long as `app`.
std::vector<const CLI::App*> Verbs(const CLI::App& app);

}  // namespace smartbatch::loadgen
