// How long the classifier takes for a batch. Pure.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "common/time.h"

namespace smartbatch::classifier {

// The seconds of a batch of n sequences, the longest of them L characters:
//   fixed + quadratic * L^2 + per_sequence * n + per_character * n * L
// The defaults make shorter sequences beside a long one free, as in a model that pads its input to the longest.
struct CostModel {
  double fixed = 0;          // seconds
  double quadratic = 1e-6;   // seconds for each squared character
  double per_sequence = 0;   // seconds for each sequence
  double per_character = 0;  // seconds for each sequence and character of the longest

  // INVALID_ARGUMENT, naming the term and its value, where a term is negative, infinite or not a number.
  absl::Status Validate() const;

  double Seconds(std::size_t sequences, std::size_t longest_characters) const;
  Duration Time(std::size_t sequences, std::size_t longest_characters) const;
};

}  // namespace smartbatch::classifier
