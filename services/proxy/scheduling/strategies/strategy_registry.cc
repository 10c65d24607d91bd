#include "services/proxy/scheduling/strategies/strategy_registry.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "common/field_error.h"
#include "services/proxy/scheduling/strategies/strategies.h"

namespace smartbatch::scheduling {
namespace {

std::optional<double> ParseValue(const ParameterSpecification& specification, const std::string& text) {
  if (specification.kind == ParameterSpecification::Kind::kSwitch) {
    bool on = false;
    if (!absl::SimpleAtob(text, &on)) return std::nullopt;
    return on ? 1.0 : 0.0;
  }
  if (specification.kind == ParameterSpecification::Kind::kChoice) {
    const auto found = std::find(specification.choices.begin(), specification.choices.end(), text);
    if (found == specification.choices.end()) return std::nullopt;
    return static_cast<double>(found - specification.choices.begin());
  }
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) return std::nullopt;
  const bool integer = specification.kind == ParameterSpecification::Kind::kInteger;
  if (integer && value != std::floor(value)) return std::nullopt;
  if (value < specification.minimum || value > specification.maximum) return std::nullopt;
  return value;
}

std::string Range(const ParameterSpecification& specification) {
  if (specification.kind == ParameterSpecification::Kind::kSwitch) return "true or false";
  if (specification.kind == ParameterSpecification::Kind::kChoice) {
    return absl::StrCat("one of ", absl::StrJoin(specification.choices, ", "));
  }
  return absl::StrCat(specification.kind == ParameterSpecification::Kind::kInteger ? "a whole number" : "a number",
                      " from ", FormatValue(specification, specification.minimum), " to ",
                      FormatValue(specification, specification.maximum));
}

}  // namespace

double Parameters::operator[](std::string_view name) const { return values_.find(name)->second; }

void Strategy::Dispatched(const Occasion&, const Selection&, double) {}
PendingRequest* Strategy::Hopeless(Time) { return nullptr; }
Time Strategy::NextHopeless(Time) const { return kNever; }

void TellOfEverything(const PendingSet& pending, Strategy& strategy) {
  for (PendingRequest* request = pending.Oldest(); request != nullptr; request = pending.Younger(*request)) {
    request->customer->strategy_key = 0;
  }
  for (PendingRequest* request = pending.Oldest(); request != nullptr; request = pending.Younger(*request)) {
    strategy.Add(*request, false);
  }
}

const std::vector<StrategySpecification>& AllStrategies() {
  static const auto* const all = [] {
    auto* const list = new std::vector<StrategySpecification>;
    for (const auto& specification : kStrategies) list->push_back(specification());
    return list;
  }();
  return *all;
}

const StrategySpecification* FindStrategy(std::string_view name, const std::vector<StrategySpecification>& strategies) {
  for (const StrategySpecification& specification : strategies) {
    if (specification.name == name) return &specification;
  }
  return nullptr;
}

absl::StatusOr<Parameters> ParseParameters(const StrategySpecification& specification,
                                           const std::map<std::string, std::string>& texts) {
  Parameters parameters;
  for (const ParameterSpecification& parameter : specification.parameters) {
    parameters.Set(parameter.name, parameter.default_value);
  }
  for (const auto& [name, text] : texts) {
    const std::string field = absl::StrCat("parameters[", name, "]");
    const ParameterSpecification* found = nullptr;
    for (const ParameterSpecification& parameter : specification.parameters) {
      if (parameter.name == name) found = &parameter;
    }
    if (found == nullptr) {
      const std::string valid =
          absl::StrJoin(specification.parameters, ", ",
                        [](std::string* out, const ParameterSpecification& parameter) { out->append(parameter.name); });
      return FieldError(field, absl::StrCat("strategy '", specification.name, "' has no parameter ", Quoted(name),
                                            "; it has ", valid.empty() ? "none" : valid));
    }
    const std::optional<double> value = ParseValue(*found, text);
    if (!value) {
      return FieldError(field, absl::StrCat(Quoted(text), " is out of range for parameter '", name, "' of strategy '",
                                            specification.name, "'; give ", Range(*found)));
    }
    parameters.Set(name, *value);
  }
  return parameters;
}

std::string StrategyNames(const std::vector<StrategySpecification>& strategies) {
  return absl::StrJoin(strategies, ", ",
                       [](std::string* out, const StrategySpecification& strategy) { out->append(strategy.name); });
}

absl::StatusOr<CheckedChoice> CheckChoice(const StrategyChoice& choice,
                                          const std::vector<StrategySpecification>& strategies) {
  const StrategySpecification* const specification = FindStrategy(choice.name, strategies);
  if (specification == nullptr) {
    return FieldError("strategy", absl::StrCat("there is no strategy ", Quoted(choice.name), "; choose one of ",
                                               StrategyNames(strategies)));
  }
  absl::StatusOr<Parameters> parameters = ParseParameters(*specification, choice.parameters);
  if (!parameters.ok()) return parameters.status();
  return CheckedChoice{specification, *std::move(parameters)};
}

bool MayBeFollowed(const StrategySpecification& specification) {
  return !specification.takes_advice && !PromisesOf(specification).gives_up;
}

StrategyPromises PromisesOf(const CheckedChoice& choice) {
  const auto& promises = choice.specification->promises;
  return promises ? promises(choice.parameters) : StrategyPromises();
}

StrategyPromises PromisesOf(const StrategySpecification& specification) {
  return PromisesOf({&specification, *ParseParameters(specification, {})});
}

StrategyChoice TextOf(const CheckedChoice& choice) {
  StrategyChoice text{choice.specification->name, {}};
  for (const ParameterSpecification& parameter : choice.specification->parameters) {
    text.parameters[parameter.name] = FormatValue(parameter, choice.parameters[parameter.name]);
  }
  return text;
}

std::string FormatValue(const ParameterSpecification& specification, double value) {
  if (specification.kind == ParameterSpecification::Kind::kSwitch) return value != 0 ? "true" : "false";
  if (specification.kind == ParameterSpecification::Kind::kChoice) {
    return specification.choices[static_cast<std::size_t>(value)];
  }
  char text[32];
  const std::to_chars_result written = std::to_chars(text, text + sizeof text, value);
  return std::string(text, written.ptr);
}

}  // namespace smartbatch::scheduling
