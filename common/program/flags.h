// The convention of the programs' flags: --some-flag is also SMARTBATCH_SOME_FLAG in the environment;
// a flag takes precedence over the environment.
#pragma once

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

namespace smartbatch::program {

// Exit codes that all programs share.
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitUsage = 2;

// A host and a port. An IPv6 host is written in brackets.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  std::string ToString() const;
};

// Parses `host:port`. On failure returns false and sets `error` to a sentence that names the value.
bool ParseHostPort(const std::string& text, HostPort& result, std::string& error);

// Adds --name to the program, also read from SMARTBATCH_NAME. --help shows the default.
template <class T>
CLI::Option* AddFlag(CLI::App& app, const std::string& name, T& value, const std::string& help);

// The same for a `host:port`, whose form is checked. Port 0 asks the system for a free port (listeners only).
CLI::Option* AddHostPortFlag(CLI::App& app, const std::string& name, std::string& value, const std::string& help);

// Adds --share-ports, also read from SMARTBATCH_SHARE_PORTS: for servers.
void AddSharePortsFlag(CLI::App& app, bool& value);

// Returns SMARTBATCH_ and the flag's name in capitals, with _ for each -.
std::string EnvironmentName(const std::string& flag);

// Parses the command line. If the program should stop (help, version, a wrong flag), prints the help, the version or
// the error, sets `exit_code` (0 after --help and --version, else 2) and returns true.
bool ParseOrExit(CLI::App& app, int argc, char** argv, int& exit_code);

template <class T>
CLI::Option* AddFlag(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  return app.add_option("--" + name, value, help)->envname(EnvironmentName(name))->capture_default_str();
}

}  // namespace smartbatch::program
