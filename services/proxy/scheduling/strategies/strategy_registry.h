// The strategies by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::scheduling {

// Every strategy, in the order they are shown. A new one is added to the list in strategy_registry.cc.
const std::vector<StrategySpecification>& AllStrategies();
// Null where there is none of that name.
const StrategySpecification* FindStrategy(std::string_view name,
                                          const std::vector<StrategySpecification>& strategies = AllStrategies());

// The values to run with, defaults included. INVALID_ARGUMENT for an unknown parameter, a text that is no number,
// or a value out of range: the message names what is valid, FieldOf the field.
absl::StatusOr<Parameters> ParseParameters(const StrategySpecification& specification,
                                           const std::map<std::string, std::string>& texts);
// The specification and the values, or INVALID_ARGUMENT as above, or for an unknown name.
struct CheckedChoice {
  const StrategySpecification* specification = nullptr;
  Parameters parameters;
};
absl::StatusOr<CheckedChoice> CheckChoice(const StrategyChoice& choice,
                                          const std::vector<StrategySpecification>& strategies = AllStrategies());
// The choice as somebody would have written it, with every value.
StrategyChoice TextOf(const CheckedChoice& choice);

// As ListStrategies shows a value: without needless digits; switches as true and false.
std::string FormatValue(const ParameterSpecification& specification, double value);

// What somebody wrote, for an error of one line: in quotes, with all but plain ASCII escaped as in C.
std::string Quoted(std::string_view text);

// An INVALID_ARGUMENT that remembers which field of a request is wrong.
absl::Status FieldError(std::string_view field, const std::string& message);
// The field; nothing where the status names none.
std::optional<std::string> FieldOf(const absl::Status& status);

}  // namespace smartbatch::scheduling
