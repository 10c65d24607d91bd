// The log of a program: spdlog to standard error, as text or as JSON lines.
#pragma once

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

namespace smartbatch::program {

struct LogOptions {
  std::string level = "info";   // debug, info, warning, error
  std::string format = "text";  // text, json
};

// Adds --log-level and --log-format.
void AddLogFlags(CLI::App& app, LogOptions& options);

// Makes spdlog's default logger. Lines wait in a queue for a thread that writes them, so that who logs never waits for
// the reader of standard error; if 4,096 lines wait, the oldest is lost for each new one. Thread safe afterwards. Once
// in a process.
void StartLogging(const std::string& program, const LogOptions& options);

// Lines that were lost since the start, because standard error was not read in time or could not be written. Thread
// safe.
std::uint64_t LostLogLines();

// Waits until what was logged before is written, at most half a second: before the process ends. Thread safe.
void FlushLog();

// A JSON string of the text, quotes included: for values inside a log line.
std::string Quoted(const std::string& text);

}  // namespace smartbatch::program
