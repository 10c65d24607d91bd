// The strategies by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::scheduling {

// Every strategy, in the order in which they are shown. The list is in strategies.h.
const std::vector<StrategySpecification>& AllStrategies();
// Null if there is none of that name.
const StrategySpecification* FindStrategy(std::string_view name,
                                          const std::vector<StrategySpecification>& strategies = AllStrategies());

// Returns true if a strategy that takes advice may follow this one: if it chooses itself and gives no request up, so
// that latencies can be compared.
bool MayBeFollowed(const StrategySpecification& specification);

// Their names with commas between, as help and errors list what there is.
std::string StrategyNames(const std::vector<StrategySpecification>& strategies = AllStrategies());

// The values to run with, defaults included. INVALID_ARGUMENT for an unknown parameter, a text that is no number,
// or a value out of range: the message names what is valid, FieldOf the field.
absl::StatusOr<Parameters> ParseParameters(const StrategySpecification& specification,
                                           const std::map<std::string, std::string>& texts);
// A choice that is valid: the specification and a value for each parameter.
struct CheckedChoice {
  const StrategySpecification* specification = nullptr;
  Parameters parameters;
};
// Errors: those of ParseParameters, and INVALID_ARGUMENT for an unknown name.
absl::StatusOr<CheckedChoice> CheckChoice(const StrategyChoice& choice,
                                          const std::vector<StrategySpecification>& strategies = AllStrategies());
// What the strategy promises with these parameters, or with its defaults.
StrategyPromises PromisesOf(const CheckedChoice& choice);
StrategyPromises PromisesOf(const StrategySpecification& specification);
// The choice as an operator would write it, with every value.
StrategyChoice TextOf(const CheckedChoice& choice);

// A value as ListStrategies shows it: without needless digits, switches as true and false.
std::string FormatValue(const ParameterSpecification& specification, double value);

}  // namespace smartbatch::scheduling
