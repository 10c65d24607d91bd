#include "services/classifier/cost_model.h"

#include <cmath>
#include <string>
#include <utility>

namespace smartbatch::classifier {

absl::Status CostModel::Validate() const {
  for (const auto& [name, value] :
       {std::pair("fixed", fixed), std::pair("quadratic", quadratic), std::pair("per-sequence", per_sequence),
        std::pair("per-character", per_character)}) {
    if (!std::isfinite(value) || value < 0) {
      return absl::InvalidArgumentError("--cost-" + std::string(name) + " is " + std::to_string(value) +
                                        "; give seconds of 0 or more, such as 0.000001");
    }
  }
  return absl::OkStatus();
}

double CostModel::Seconds(std::size_t sequences, std::size_t longest_characters) const {
  const auto n = static_cast<double>(sequences);
  const auto length = static_cast<double>(longest_characters);
  return fixed + quadratic * length * length + per_sequence * n + per_character * n * length;
}

Duration CostModel::Time(std::size_t sequences, std::size_t longest_characters) const {
  return FromSeconds(Seconds(sequences, longest_characters));
}

}  // namespace smartbatch::classifier
