#include "services/classifier/engines/engines.h"

#include "absl/status/status.h"
#include "services/classifier/engines/minilm.h"
#include "services/classifier/engines/rules.h"

namespace smartbatch::classifier {

std::vector<std::string> EngineNames() { return {std::string(kRulesEngine), std::string(kMiniLmEngine)}; }

absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(std::string_view name, const std::string& model, std::size_t slots) {
  if (name == kRulesEngine) {
    if (model.empty()) return std::make_unique<RulesEngine>();
    return absl::InvalidArgumentError("--model " + model +
                                      ": the engine 'rules' has no model; leave the flag out, or use --engine minilm");
  }
  if (name == kMiniLmEngine) return MakeMiniLm(model, slots);
  return absl::InvalidArgumentError("--engine is '" + std::string(name) + "'; rules and minilm are allowed");
}

}  // namespace smartbatch::classifier
