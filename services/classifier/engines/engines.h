// The engines of the classifier by their names.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/classifier/engines/engine.h"

namespace smartbatch::classifier {

inline constexpr std::string_view kRulesEngine = "rules";
inline constexpr std::string_view kMiniLmEngine = "minilm";

// All names, whether the program was built with the engine or not.
std::vector<std::string> EngineNames();

// Makes the engine of that name, one of EngineNames. `model` is the folder of a model's files; `rules` needs none.
// `slots` is the number of batches that it is to run at once, at least 1.
// Errors: UNIMPLEMENTED if the program was built without it, INVALID_ARGUMENT if the model is missing or is none.
absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(std::string_view name, const std::string& model, std::size_t slots);

}  // namespace smartbatch::classifier
