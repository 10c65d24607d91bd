// The command line that repeats a run.
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

}  // namespace smartbatch::loadgen
