// The default engine: a few rules, which take no time. How long a batch holds its slot is modelled.
#pragma once

#include <string_view>
#include <vector>

#include "services/classifier/engines/engine.h"

namespace smartbatch::classifier {

inline constexpr std::string_view kCode = "code";
inline constexpr std::string_view kNotCode = "not code";

// `code` if the text contains any of the markers `;` `{` `}` `def ` `class `, else `not code`. Pure.
//
// The confidence starts from an even guess, and each of the five markers that is found halves the doubt: 1 - 0.5^(1 +
// n) for n markers, so 0.75 for one and 0.984 for all. The only evidence for `not code` is that no marker was found, so
// its confidence is always the even guess, 0.5. It is not a probability calibrated on labelled text.
Answer ClassifyByRules(std::string_view text);

// Reads texts alone.
class RulesEngine final : public Engine {
 public:
  const EngineDescription& description() const override { return description_; }
  absl::StatusOr<std::vector<Answer>> Run(const BatchRows& rows) const override;

 private:
  const EngineDescription description_{.name = "rules"};
};

}  // namespace smartbatch::classifier
