// What a batch costs, in seconds of one backend slot.
#pragma once

#include <cstdint>

namespace smartbatch::scheduling {

// c(n, L) = fixed + quadratic * L^2 + per_sequence * n + per_character * n * L for n sequences, the longest of
// L characters. All terms are in seconds and not negative. With per_sequence = per_character = 0 a sequence no
// longer than the longest rides free.
struct CostModel {
  double fixed = 0;
  double quadratic = 1e-6;
  double per_sequence = 0;
  double per_character = 0;

  double Seconds(std::uint32_t sequences, std::uint32_t longest) const {
    const double n = sequences;
    const double length = longest;
    return fixed + quadratic * length * length + n * (per_sequence + per_character * length);
  }
  // The cost of a sequence by itself.
  double Alone(std::uint32_t length) const { return Seconds(1, length); }
  // Whether seats beside the longest sequence cost nothing.
  bool RidersAreFree() const { return per_sequence == 0 && per_character == 0; }

  friend bool operator==(const CostModel&, const CostModel&) = default;
};

}  // namespace smartbatch::scheduling
