// Flags for a cost model, which several programs take.
#pragma once

#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "common/cost_model.h"

namespace smartbatch::program {

// The parts of a cost model that the user gave: a profile, terms, both or nothing.
struct CostFlags {
  std::optional<std::string> profile;
  std::optional<double> fixed;
  std::optional<double> quadratic;
  std::optional<double> per_sequence;
  std::optional<double> per_character;
  std::optional<double> per_character_squared;
  std::optional<double> knee;

  // Returns true if the user gave any part.
  bool IsGiven() const;
  // Returns the profile if one was given, else `base`, with the terms that were given in place of its own.
  CostModel Over(const CostModel& base) const;
};

// Adds --PREFIXprofile, --PREFIXfixed and so on. PREFIX is "cost-" or ends with it. The help of each flag begins with
// `of_what`. With InEnvironment::kYes each is also read from SMARTBATCH_... in the environment. `flags` must outlive
// the parsing.
enum class InEnvironment : bool { kNo, kYes };
void AddCostFlags(CLI::App& app, const std::string& prefix, const std::string& of_what, CostFlags& flags,
                  InEnvironment environment);

}  // namespace smartbatch::program
