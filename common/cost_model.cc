#include "common/cost_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace smartbatch {
namespace {

// The cube root of a number from 1 to 2, to within 7e-16 of it: the polynomial that is nearest to it (to within 3e-6),
// and a step of Halley's method, which triples the digits. A decision asks for some two hundred roots, and std::cbrt,
// which takes any number, was a quarter of its time.
double CubeRootOfOneToTwo(double cube) {
  const double squared = cube * cube;
  const double root = (0.473331 + 0.83816 * cube) + squared * (-0.469229 + 0.202777 * cube) +
                      squared * squared * (-0.0503865 + 0.00534855 * cube);
  const double third_power = root * root * root;
  return root * (third_power + 2 * cube) / (2 * third_power + cube);
}

}  // namespace

double CostModel::Joined(double work) const {
  const double larger = std::max(fixed, work);
  if (!(larger > 0)) return 0;
  const double part = std::min(fixed, work) / larger;
  if (knee == kCubicKnee) return larger * CubeRootOfOneToTwo(1 + part * part * part);
  return larger * std::pow(1 + std::pow(part, knee), 1 / knee);
}

absl::Status CostModel::Validate(std::string_view prefix) const {
  const std::string before(prefix);
  for (const auto& [name, value] :
       {std::pair("fixed", fixed), std::pair("quadratic", quadratic), std::pair("per-sequence", per_sequence),
        std::pair("per-character", per_character), std::pair("per-character-squared", per_character_squared)}) {
    if (!std::isfinite(value) || value < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(before, name, " is ", value, "; give seconds of 0 or more, such as 0.000001"));
    }
  }
  if (!(knee >= 1 && knee <= kLargestKnee)) {
    return absl::InvalidArgumentError(absl::StrCat(before, "knee is ", knee, "; it must be from 1, which adds, to ",
                                                   kLargestKnee, ", which nearly takes the larger"));
  }
  return absl::OkStatus();
}

const std::array<CostProfile, kCostProfiles>& CostProfiles() {
  static const std::array<CostProfile, kCostProfiles> profiles{{
      {"seed", "the original's classifier: riders are free", CostModel{}},
      {"cpu",
       "MiniLM-L6 on one thread of a processor: a rider costs as much as the longest",
       {.fixed = 1.80e-3, .quadratic = 0, .per_character = 2.08e-4, .per_character_squared = 1.48e-7}},
      {"gpu",
       "BERT-base on an A100: small batches cost the same whatever is in them",
       {.fixed = 8.53e-4, .quadratic = 0, .per_character = 9.80e-7, .per_character_squared = 6.13e-10, .knee = 3}},
  }};
  return profiles;
}

absl::StatusOr<CostModel> FindCostProfile(std::string_view name) {
  for (const CostProfile& profile : CostProfiles()) {
    if (profile.name == name) return profile.cost;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("cost profile '", std::string(name), "' is not known; give ", CostProfileNames()));
}

std::string CostProfileNames() {
  const auto& profiles = CostProfiles();
  std::string names;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    if (i > 0) names += i + 1 == profiles.size() ? " or " : ", ";
    names += profiles[i].name;
  }
  return names;
}

}  // namespace smartbatch
