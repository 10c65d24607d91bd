#include "common/workload/expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"

namespace smartbatch::workload {
namespace {

std::string_view Strip(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

template <class Number>
std::optional<Number> Parse(std::string_view text) {
  text = Strip(text);
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

bool IsName(std::string_view text) {
  if (text.empty()) return false;
  for (const char letter : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(letter)) && letter != '_' && letter != '-') return false;
  }
  return true;
}

}  // namespace

std::optional<double> ParseNumber(std::string_view text) {
  const std::optional<double> value = Parse<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<double> ParsePositive(std::string_view text) {
  const std::optional<double> value = ParseNumber(text);
  return value && *value > 0 ? value : std::nullopt;
}

std::optional<std::uint32_t> ParseWhole(std::string_view text) { return Parse<std::uint32_t>(text); }

std::optional<Duration> ParseDuration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 4> kUnits = {
      {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}}};
  text = Strip(text);
  for (const auto& [unit, seconds] : kUnits) {
    if (!text.ends_with(unit)) continue;
    const std::optional<double> number = ParseNumber(text.substr(0, text.size() - unit.size()));
    if (number && *number >= 0) return FromSeconds(*number * seconds);
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> ParseRange(std::string_view text) {
  const std::size_t dots = text.find("..");
  const std::optional<std::uint32_t> low = ParseWhole(text.substr(0, dots));
  const std::optional<std::uint32_t> high =
      dots == std::string_view::npos ? low : ParseWhole(text.substr(std::min(dots + 2, text.size())));
  if (!low || !high || *high < *low) return std::nullopt;
  return std::pair(*low, *high);
}

std::optional<Call> ParseCall(std::string_view text) {
  text = Strip(text);
  const std::size_t open = text.find('(');
  Call call{std::string(Strip(text.substr(0, open))), {}};
  if (!IsName(call.name)) return std::nullopt;
  if (open == std::string_view::npos) return call;
  if (text.back() != ')') return std::nullopt;
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '(') ++depth;
    if (text[i] == ')' && --depth == 0 && i + 1 != text.size()) return std::nullopt;
  }
  if (depth != 0) return std::nullopt;
  call.arguments = SplitOutsideParentheses(text.substr(open + 1, text.size() - open - 2), ',');
  return call;
}

std::vector<std::string> SplitOutsideParentheses(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char letter : text) {
    if (letter == '(') ++depth;
    if (letter == ')') --depth;
    if (letter == separator && depth <= 0) {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

std::string FormatNumber(double number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end.ptr};
}

std::string FormatDuration(Duration duration) {
  return FormatNumber(static_cast<double>(duration.count()) / 1e6) + "ms";
}

}  // namespace smartbatch::workload
