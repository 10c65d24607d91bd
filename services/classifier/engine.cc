#include "services/classifier/engine.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace smartbatch::classifier {

Classification Classify(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kMarkers = {";", "{", "}", "def ", "class "};
  const auto found = std::count_if(kMarkers.begin(), kMarkers.end(), [text](std::string_view marker) {
    return text.find(marker) != std::string_view::npos;
  });
  return {found > 0 ? kCode : kNotCode, 1.0 - std::pow(0.5, 1.0 + static_cast<double>(found))};
}

}  // namespace smartbatch::classifier
