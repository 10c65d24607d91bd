// The small expressions of workload files and flags: numbers, durations, ranges, `name(argument,argument)`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/time.h"

namespace smartbatch::workload {

// Each parser below returns nothing if the whole text is not of its kind. Blanks around a text are not part of it.

// A finite number, such as 0.5 or 1e-3.
std::optional<double> ParseNumber(std::string_view text);
// A finite number above 0.
std::optional<double> ParsePositive(std::string_view text);
// A whole number.
std::optional<std::uint32_t> ParseWhole(std::string_view text);
// A number of at least 0 with its unit: 330ms, 2s, 1.5m or 1h.
std::optional<Duration> ParseDuration(std::string_view text);
// `low..high` with low <= high, or one number for both.
std::optional<std::pair<std::uint32_t, std::uint32_t>> ParseRange(std::string_view text);

struct Call {
  std::string name;
  std::vector<std::string> arguments;  // empty without parentheses
};
// `name` or `name(argument,argument)`; the arguments may hold calls themselves.
std::optional<Call> ParseCall(std::string_view text);

// Cuts at the separators outside parentheses; n separators give n + 1 parts.
std::vector<std::string> SplitOutsideParentheses(std::string_view text, char separator);

// The shortest text that ParseNumber reads as the same number.
std::string FormatNumber(double number);
// A text in ms that ParseDuration reads as the same duration.
std::string FormatDuration(Duration duration);

}  // namespace smartbatch::workload
