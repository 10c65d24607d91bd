#include "tools/loadgen/analysis/objective.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "absl/status/status.h"
#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {
namespace {

struct NamedFigure {
  const char* name;
  Objective::Figure figure;
};
constexpr std::array<NamedFigure, 8> kFigures = {{{"mean", Objective::Figure::kMean},
                                                  {"p50", Objective::Figure::kP50},
                                                  {"p90", Objective::Figure::kP90},
                                                  {"p95", Objective::Figure::kP95},
                                                  {"p99", Objective::Figure::kP99},
                                                  {"p99.9", Objective::Figure::kP999},
                                                  {"max", Objective::Figure::kMaximum},
                                                  {"failed", Objective::Figure::kFailed}}};

struct Unit {
  const char* name;
  double milliseconds;
};
constexpr std::array<Unit, 3> kUnits = {{{"us", 1e-3}, {"ms", 1}, {"s", 1e3}}};

absl::Status Fault(const std::string& text, std::size_t place, const std::string& what) {
  return absl::InvalidArgumentError(
      fmt::format("'{}' at character {}: {}; an objective is [CUSTOMER:]FIGURE<LIMIT, such as A:p95<500ms, p99.9<2s or "
                  "failed<1%",
                  text, place + 1, what));
}

}  // namespace

absl::StatusOr<Objective> ParseObjective(const std::string& text) {
  Objective objective;
  objective.text = text;
  const std::size_t less = text.find('<');
  if (less == std::string::npos) return Fault(text, text.size(), "'<' and a limit are missing");
  const std::size_t colon = text.substr(0, less).rfind(':');
  if (colon == 0) return Fault(text, 0, "the customer before ':' is missing");
  if (colon != std::string::npos) objective.customer = text.substr(0, colon);

  const std::size_t name_at = colon == std::string::npos ? 0 : colon + 1;
  const std::string name = text.substr(name_at, less - name_at);
  const NamedFigure* named = nullptr;
  for (const NamedFigure& each : kFigures) {
    if (name == each.name) named = &each;
  }
  if (named == nullptr) {
    return Fault(text, name_at, "expected mean, p50, p90, p95, p99, p99.9, max or failed, not '" + name + "'");
  }
  objective.figure = named->figure;

  const char* const begin = text.data() + less + 1;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(begin, end, objective.limit);
  if (parsed.ec != std::errc() || !std::isfinite(objective.limit) || objective.limit <= 0) {
    return Fault(text, less + 1, "expected a number above 0");
  }
  const auto unit_at = static_cast<std::size_t>(parsed.ptr - text.data());
  const std::string_view unit(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  if (objective.figure == Objective::Figure::kFailed) {
    if (unit != "%") return Fault(text, unit_at, "expected the unit %");
    return objective;
  }
  for (const Unit& each : kUnits) {
    if (unit != each.name) continue;
    objective.limit *= each.milliseconds;
    return objective;
  }
  return Fault(text, unit_at, "expected the unit us, ms or s");
}

std::optional<double> FigureOf(const Objective& objective, const Slice& slice) {
  const LatencySummary& latency = slice.latency;
  if (objective.figure == Objective::Figure::kFailed) {
    if (slice.due == 0) return std::nullopt;
    return 100.0 * static_cast<double>(slice.failed()) / static_cast<double>(slice.due);
  }
  if (latency.count == 0) return std::nullopt;
  switch (objective.figure) {
    case Objective::Figure::kP50:
      return latency.p50;
    case Objective::Figure::kP90:
      return latency.p90;
    case Objective::Figure::kP95:
      return latency.p95;
    case Objective::Figure::kP99:
      return latency.p99;
    case Objective::Figure::kP999:
      return latency.p999;
    case Objective::Figure::kMaximum:
      return latency.maximum;
    default:
      return latency.mean;
  }
}

}  // namespace smartbatch::loadgen
