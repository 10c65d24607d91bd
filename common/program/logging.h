// The log of a program: spdlog to standard error, as text or as JSON lines.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace smartbatch::program {

struct LogOptions {
  std::string level = "info";   // debug, info, warning, error
  std::string format = "text";  // text, json
};

// Adds --log-level and --log-format.
void AddLogFlags(CLI::App& app, LogOptions& options);

// Makes spdlog's default logger. Thread safe afterwards.
void StartLogging(const std::string& program, const LogOptions& options);

// A JSON string of the text, quotes included: for values inside a log line.
std::string Quoted(const std::string& text);

}  // namespace smartbatch::program
