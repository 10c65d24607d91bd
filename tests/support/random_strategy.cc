#include "tests/support/random_strategy.h"

#include <cmath>

#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::test {
namespace {

using scheduling::ParameterSpecification;

double Draw(const ParameterSpecification& parameter, Random& random) {
  const double kind = random.Uniform();
  if (kind < 0.3) return parameter.default_value;
  if (kind < 0.4) return parameter.minimum;
  if (kind < 0.5) return parameter.maximum;
  // Cubed, since most ranges are far wider than the sensible values.
  const double uniform = random.Uniform();
  const double value = parameter.minimum + (parameter.maximum - parameter.minimum) * uniform * uniform * uniform;
  return parameter.kind == ParameterSpecification::Kind::kNumber ? value : std::floor(value);
}

}  // namespace

scheduling::StrategyChoice WithRandomParameters(const scheduling::StrategySpecification& specification,
                                                Random& random) {
  scheduling::StrategyChoice choice{specification.name, {}};
  for (const ParameterSpecification& parameter : specification.parameters) {
    choice.parameters[parameter.name] = FormatValue(parameter, Draw(parameter, random));
  }
  return choice;
}

scheduling::StrategyChoice AnyStrategy(Random& random) {
  const auto& all = scheduling::AllStrategies();
  const auto place = static_cast<std::size_t>(random.Between(0, static_cast<std::int64_t>(all.size()) - 1));
  return WithRandomParameters(all[place], random);
}

}  // namespace smartbatch::test
