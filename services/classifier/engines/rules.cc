#include "services/classifier/engines/rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <variant>

#include "absl/status/status.h"

namespace smartbatch::classifier {

Answer ClassifyByRules(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kMarkers = {";", "{", "}", "def ", "class "};
  const auto found = std::count_if(kMarkers.begin(), kMarkers.end(), [text](std::string_view marker) {
    return text.find(marker) != std::string_view::npos;
  });
  return {std::string(found > 0 ? kCode : kNotCode), 1.0 - std::pow(0.5, 1.0 + static_cast<double>(found)), {}};
}

absl::StatusOr<std::vector<Answer>> RulesEngine::Run(const BatchRows& rows) const {
  const auto* const texts = std::get_if<std::vector<std::string>>(&rows);
  if (texts == nullptr) return absl::InternalError("the engine `rules` was given tokens; it reads texts alone");
  std::vector<Answer> answers;
  answers.reserve(texts->size());
  for (const std::string& text : *texts) answers.push_back(ClassifyByRules(text));
  return answers;
}

}  // namespace smartbatch::classifier
