#include "common/workload/model_expressions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/workload/expression.h"

namespace smartbatch::workload {
namespace {

constexpr double kHighestFactor = 1e6;
constexpr double kHighestShape = 1e6;
constexpr std::uint32_t kLongestText = 10'000'000;

std::optional<std::uint32_t> ParseLength(const std::string& text) {
  const std::optional<std::uint32_t> length = ParseWhole(text);
  return length && *length >= 1 && *length <= kLongestText ? length : std::nullopt;
}

std::optional<LengthModel> ParseUniform(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2) return std::nullopt;
  const auto low = ParseLength(arguments[0]);
  const auto high = ParseLength(arguments[1]);
  if (!low || !high || *low > *high) return std::nullopt;
  return UniformLength{*low, *high};
}

std::optional<LengthModel> ParseLognormal(const std::vector<std::string>& arguments) {
  if (arguments.size() != 2 && arguments.size() != 4) return std::nullopt;
  const auto median = ParsePositive(arguments[0]);
  const auto sigma = ParsePositive(arguments[1]);
  if (!median || !sigma || *median > kLongestText || *sigma > 10) return std::nullopt;
  LognormalLength model;
  model.median = *median;
  model.sigma = *sigma;
  if (arguments.size() == 2) return model;
  const auto low = ParseLength(arguments[2]);
  const auto high = ParseLength(arguments[3]);
  if (!low || !high || *low > *high) return std::nullopt;
  model.minimum = *low;
  model.maximum = *high;
  return model;
}

std::optional<LengthModel> ParseEither(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) return std::nullopt;
  const auto share = ParseNumber(arguments[0]);
  const auto large = ParseLength(arguments[1]);
  const auto small = ParseLength(arguments[2]);
  if (!share || *share < 0 || *share > 1 || !large || !small) return std::nullopt;
  return EitherLength{*share, *large, *small};
}

std::optional<LengthModel> ParseCut(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) return std::nullopt;
  const auto low = ParseLength(arguments[0]);
  const auto high = ParseLength(arguments[1]);
  if (!low || !high || *low > *high) return std::nullopt;
  CutTextLength model{{}, *low, *high};
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const auto length = ParseLength(arguments[i]);
    if (!length) return std::nullopt;
    model.text_lengths.push_back(*length);
  }
  return model;
}

std::optional<LengthModel> ParseQuantiles(const std::vector<std::string>& arguments) {
  QuantileLength model;
  for (const std::string& argument : arguments) {
    const std::size_t at = argument.find('@');
    if (at == std::string::npos) return std::nullopt;
    const auto length = ParseLength(argument.substr(0, at));
    const auto percent = ParseNumber(argument.substr(at + 1));
    if (!length || !percent || *percent < 0 || *percent > 100) return std::nullopt;
    const bool rises = model.quantiles.empty() ||
                       (*percent > model.quantiles.back().percent && *length >= model.quantiles.back().length);
    if (!rises) return std::nullopt;
    model.quantiles.push_back({*percent, *length});
  }
  if (model.quantiles.empty()) return std::nullopt;
  return model;
}

std::optional<ArrivalModel> ParseOnOff(const std::vector<std::string>& arguments) {
  if (arguments.size() != 4) return std::nullopt;
  const auto on = ParseNumber(arguments[0]);
  const auto off = ParseNumber(arguments[1]);
  const auto mean_on = ParseDuration(arguments[2]);
  const auto mean_off = ParseDuration(arguments[3]);
  if (!on || !off || *on < 0 || *off < 0 || std::max(*on, *off) > kHighestRate || *on + *off <= 0) return std::nullopt;
  if (!mean_on || !mean_off || *mean_on <= Duration() || *mean_off <= Duration()) return std::nullopt;
  return OnOff{*on, *off, *mean_on, *mean_off};
}

std::string FormatCall(const char* name, const std::vector<std::string>& arguments) {
  return absl::StrCat(name, "(", absl::StrJoin(arguments, ","), ")");
}
std::string Text(std::uint32_t number) { return std::to_string(number); }

struct LengthFormatter {
  std::string operator()(const UniformLength& m) const {
    return m.minimum == m.maximum ? Text(m.minimum) : FormatCall("uniform", {Text(m.minimum), Text(m.maximum)});
  }
  std::string operator()(const LognormalLength& m) const {
    return FormatCall("lognormal", {FormatNumber(m.median), FormatNumber(m.sigma), Text(m.minimum), Text(m.maximum)});
  }
  std::string operator()(const EitherLength& m) const {
    return FormatCall("either", {FormatNumber(m.large_probability), Text(m.large), Text(m.small)});
  }
  std::string operator()(const CutTextLength& m) const {
    std::vector<std::string> arguments = {Text(m.minimum), Text(m.maximum)};
    for (const std::uint32_t length : m.text_lengths) arguments.push_back(Text(length));
    return FormatCall("cut", arguments);
  }
  std::string operator()(const QuantileLength& m) const {
    std::vector<std::string> arguments;
    for (const QuantileLength::Quantile& quantile : m.quantiles) {
      arguments.push_back(absl::StrCat(quantile.length, "@", FormatNumber(quantile.percent)));
    }
    return FormatCall("quantiles", arguments);
  }
};

struct ArrivalFormatter {
  std::string operator()(const ConstantRate&) const { return "constant"; }
  std::string operator()(const Poisson&) const { return "poisson"; }
  std::string operator()(const GammaGaps& m) const { return FormatCall("gamma", {FormatNumber(m.shape)}); }
  std::string operator()(const OnOff& m) const {
    return FormatCall("on_off", {FormatNumber(m.requests_per_second_on), FormatNumber(m.requests_per_second_off),
                                 FormatDuration(m.mean_on), FormatDuration(m.mean_off)});
  }
  std::string operator()(const ClosedLoop&) const { return {}; }
  std::string operator()(const Recorded&) const { return {}; }
};

}  // namespace

std::optional<LengthModel> ParseLengthModel(const std::string& text) {
  if (const auto fixed = ParseLength(text)) return UniformLength{*fixed, *fixed};
  const std::optional<Call> call = ParseCall(text);
  if (!call) return std::nullopt;
  if (call->name == "uniform") return ParseUniform(call->arguments);
  if (call->name == "lognormal") return ParseLognormal(call->arguments);
  if (call->name == "either") return ParseEither(call->arguments);
  if (call->name == "cut") return ParseCut(call->arguments);
  if (call->name == "quantiles") return ParseQuantiles(call->arguments);
  return std::nullopt;
}

std::optional<ArrivalModel> ParseArrivalModel(const std::string& text) {
  const std::optional<Call> call = ParseCall(text);
  if (!call) return std::nullopt;
  if (call->name == "on_off") return ParseOnOff(call->arguments);
  if (call->name == "gamma") {
    const auto shape = call->arguments.size() == 1 ? ParsePositive(call->arguments[0]) : std::nullopt;
    if (!shape || *shape > kHighestShape) return std::nullopt;
    return GammaGaps{1, *shape};
  }
  if (!call->arguments.empty()) return std::nullopt;
  if (call->name == "constant") return ConstantRate{};
  if (call->name == "poisson") return Poisson{};
  return std::nullopt;
}

std::optional<ClosedLoop> ParseThinkTime(const std::string& text) {
  if (const auto constant = ParseDuration(text)) return ClosedLoop{*constant, false};
  const std::optional<Call> call = ParseCall(text);
  if (!call || call->name != "exponential" || call->arguments.size() != 1) return std::nullopt;
  const auto mean = ParseDuration(call->arguments[0]);
  if (!mean) return std::nullopt;
  return ClosedLoop{*mean, true};
}

std::optional<Presence> ParsePresence(const std::string& text) {
  const std::optional<Call> call = ParseCall(text);
  if (!call || call->name != "cycle" || call->arguments.size() != 3) return std::nullopt;
  const auto cycle = ParseDuration(call->arguments[0]);
  const auto from = ParseDuration(call->arguments[1]);
  const auto to = ParseDuration(call->arguments[2]);
  if (!cycle || !from || !to || *from >= *to || *to > *cycle) return std::nullopt;
  return Presence{*cycle, *from, *to};
}

std::optional<Schedule> ParseScheduleModel(const std::string& text) {
  const std::optional<Call> call = ParseCall(text);
  if (!call || (call->name != "step" && call->name != "line") || call->arguments.empty()) return std::nullopt;
  Schedule schedule;
  schedule.kind = call->name == "step" ? Schedule::Kind::kStep : Schedule::Kind::kLine;
  for (const std::string& argument : call->arguments) {
    const std::size_t at = argument.find('@');
    if (at == std::string::npos) return std::nullopt;
    const auto factor = ParseNumber(argument.substr(0, at));
    const auto time = ParseDuration(argument.substr(at + 1));
    if (!factor || *factor < 0 || *factor > kHighestFactor || !time) return std::nullopt;
    const double seconds = ToSeconds(*time);
    const bool in_order = schedule.points.empty() ? seconds == 0 : seconds > schedule.points.back().seconds;
    if (!in_order) return std::nullopt;
    schedule.points.push_back({seconds, *factor});
  }
  return schedule;
}

std::string Format(const LengthModel& model) { return std::visit(LengthFormatter(), model); }
std::string Format(const ArrivalModel& model) { return std::visit(ArrivalFormatter(), model); }

std::string Format(const ClosedLoop& model) {
  const std::string time = FormatDuration(model.think_time);
  return model.exponential ? FormatCall("exponential", {time}) : time;
}

std::string Format(const Presence& presence) {
  return FormatCall("cycle",
                    {FormatDuration(presence.cycle), FormatDuration(presence.from), FormatDuration(presence.to)});
}

std::string Format(const Schedule& schedule) {
  std::vector<std::string> points;
  for (const Schedule::Point& point : schedule.points) {
    points.push_back(absl::StrCat(FormatNumber(point.factor), "@", FormatNumber(point.seconds), "s"));
  }
  return FormatCall(schedule.kind == Schedule::Kind::kStep ? "step" : "line", points);
}

}  // namespace smartbatch::workload
