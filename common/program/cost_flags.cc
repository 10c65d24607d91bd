#include "common/program/cost_flags.h"

#include <vector>

#include "common/program/flags.h"

namespace smartbatch::program {

bool CostFlags::IsGiven() const {
  return profile || fixed || quadratic || per_sequence || per_character || per_character_squared || knee;
}

CostModel CostFlags::Over(const CostModel& base) const {
  CostModel cost = base;
  if (profile) cost = FindCostProfile(*profile).value_or(base);  // the flag has been checked
  cost.fixed = fixed.value_or(cost.fixed);
  cost.quadratic = quadratic.value_or(cost.quadratic);
  cost.per_sequence = per_sequence.value_or(cost.per_sequence);
  cost.per_character = per_character.value_or(cost.per_character);
  cost.per_character_squared = per_character_squared.value_or(cost.per_character_squared);
  cost.knee = knee.value_or(cost.knee);
  return cost;
}

void AddCostFlags(CLI::App& app, const std::string& prefix, const std::string& of_what, CostFlags& flags,
                  InEnvironment environment) {
  const auto add = [&](const char* name, auto& value, const std::string& help) {
    CLI::Option* const option = app.add_option("--" + prefix + name, value, of_what + help);
    if (environment == InEnvironment::kYes) option->envname(EnvironmentName(prefix + name));
    return option;
  };
  std::vector<std::string> names;
  for (const CostProfile& profile : CostProfiles()) names.emplace_back(profile.name);
  add("profile", flags.profile, "a measured cost to start from; the flags that follow change its terms")
      ->check(CLI::IsMember(names))
      ->type_name("NAME")
      ->default_str(prefix == "cost-" ? "seed" : "");
  add("fixed", flags.fixed, "seconds for any batch");
  add("quadratic", flags.quadratic, "seconds for each squared character of the longest sequence");
  add("per-sequence", flags.per_sequence, "seconds for each sequence");
  add("per-character", flags.per_character, "seconds for each sequence and character of the longest");
  add("per-character-squared", flags.per_character_squared,
      "seconds for each sequence and squared character of the longest");
  add("knee", flags.knee,
      "how --" + prefix + "fixed joins the rest: 1 adds, 3 hides small work behind it, 100 takes nearly the larger");
}

}  // namespace smartbatch::program
