// How the classifier classifies a text. Pure functions.
#pragma once

#include <string_view>

namespace smartbatch::classifier {

inline constexpr std::string_view kCode = "code";
inline constexpr std::string_view kNotCode = "not code";

struct Classification {
  std::string_view label;  // kCode or kNotCode
  double confidence = 0;   // from 0.5 to 1
};

// `code` if the text contains any of the markers `;` `{` `}` `def ` `class `, else `not code`.
//
// The confidence starts from an even guess, and each of the five markers that is found halves the doubt: 1 - 0.5^(1 +
// n) for n markers, so 0.75 for one and 0.984 for all. The only evidence for `not code` is that no marker was found, so
// its confidence is always the even guess, 0.5. It is not a probability calibrated on labelled text.
Classification Classify(std::string_view text);

}  // namespace smartbatch::classifier
