#include "services/proxy/simulation/published/published_policies.h"

#include "services/proxy/simulation/published/policies.h"

namespace smartbatch::simulation {

const std::vector<scheduling::StrategySpecification>& PublishedPolicies() {
  static const auto* const policies = new std::vector<scheduling::StrategySpecification>{
      TritonSpecification(),   TeiSpecification(),       TurboSpecification(),
      MultibinSpecification(), ClockworkSpecification(),
  };
  return *policies;
}

const std::vector<scheduling::StrategySpecification>& SimulatedStrategies() {
  static const auto* const all = [] {
    auto* list = new std::vector<scheduling::StrategySpecification>(scheduling::AllStrategies());
    list->insert(list->end(), PublishedPolicies().begin(), PublishedPolicies().end());
    return list;
  }();
  return *all;
}

const scheduling::StrategySpecification* FindSimulated(std::string_view name) {
  return scheduling::FindStrategy(name, SimulatedStrategies());
}

absl::StatusOr<scheduling::CheckedChoice> CheckSimulated(const scheduling::StrategyChoice& choice) {
  return scheduling::CheckChoice(choice, SimulatedStrategies());
}

}  // namespace smartbatch::simulation
