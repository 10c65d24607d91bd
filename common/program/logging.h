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

// Creates spdlog's default logger. Lines wait in a queue for a thread that writes them, so that no thread that logs
// ever waits for the reader of standard error. If 4,096 lines wait, each new line displaces the oldest, which is lost.
// Call it once in a process; logging is thread safe afterwards.
void StartLogging(const std::string& program, const LogOptions& options);

// Returns how many lines were lost since the start, because standard error was not read in time or could not be
// written. Thread safe.
std::uint64_t LostLogLines();

// Waits, for at most half a second, until all lines logged so far are written. Call it before the process ends. Thread
// safe.
void FlushLog();

// Returns the text as a JSON string, quotes included: for values inside a log line.
std::string Quoted(const std::string& text);

}  // namespace smartbatch::program
