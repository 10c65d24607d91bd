#include "services/proxy/scheduling/backends/least_squares.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace smartbatch::scheduling {
namespace {

bool Has(unsigned terms, std::size_t term) { return (terms >> term & 1U) != 0; }

// Solves the equations of the chosen terms by Gaussian elimination; the others are 0. Returns nothing if they are
// singular.
std::optional<CostTerms> SolveFor(NormalEquations equations, unsigned chosen) {
  auto& [matrix, right] = equations;
  for (std::size_t k = 0; k < kCostTerms; ++k) {
    if (!Has(chosen, k)) continue;
    if (matrix[k][k] <= 1e-12) return std::nullopt;
    for (std::size_t i = k + 1; i < kCostTerms; ++i) {
      if (!Has(chosen, i)) continue;
      const double factor = matrix[i][k] / matrix[k][k];
      for (std::size_t j = k; j < kCostTerms; ++j) matrix[i][j] -= factor * matrix[k][j];
      right[i] -= factor * right[k];
    }
  }
  CostTerms terms{};
  for (std::size_t k = kCostTerms; k-- > 0;) {
    if (!Has(chosen, k)) continue;
    double value = right[k];
    for (std::size_t j = k + 1; j < kCostTerms; ++j) value -= matrix[k][j] * terms[j];
    terms[k] = value / matrix[k][k];
  }
  return terms;
}

// By Murty's method ("Note on a Bard-Type Scheme for Solving the Complementarity Problem", 1974): from all allowed
// terms on, the first that is on the wrong side changes sides, that is a negative one, or one that is left out though
// it would lower the sum. If there is none, no allowed step lowers the sum; it is convex, so that is its least value.
// For a positive definite matrix no set of terms comes twice. Returns nothing if rounding may decide on which side a
// term is.
std::optional<CostTerms> ByChangingSides(const NormalEquations& equations, unsigned allowed) {
  constexpr double kRounding = 1e-4;  // of the right side
  const auto& [matrix, right] = equations;
  unsigned chosen = allowed;
  for (unsigned set = 0; set <= kAllCostTerms; ++set) {
    const std::optional<CostTerms> terms = SolveFor(equations, chosen);
    if (!terms) return std::nullopt;
    unsigned wrong = 0;
    for (std::size_t i = 0; i < kCostTerms && wrong == 0; ++i) {
      if (!Has(allowed, i)) continue;
      double side = (*terms)[i];
      if (!Has(chosen, i)) {
        side = right[i];
        for (std::size_t j = 0; j < kCostTerms; ++j) side -= matrix[i][j] * (*terms)[j];
      }
      if (std::abs(side) <= kRounding * std::abs(right[i])) return std::nullopt;
      if ((side > 0) != Has(chosen, i)) wrong = 1U << i;
    }
    if (wrong == 0) return terms;
    chosen ^= wrong;
  }
  return std::nullopt;
}

// Of all sets of terms, the one without a negative term that lowers the sum most; of equal ones the first.
CostTerms BySearch(const NormalEquations& equations, unsigned allowed) {
  CostTerms best{};
  double best_gain = 0;
  for (unsigned chosen = 1; chosen <= kAllCostTerms; ++chosen) {
    if ((chosen & ~allowed) != 0) continue;
    const std::optional<CostTerms> terms = SolveFor(equations, chosen);
    if (!terms || std::any_of(terms->begin(), terms->end(), [](double term) { return term < 0; })) continue;
    // How much it lowers the sum: its product with the right side.
    double gain = 0;
    for (std::size_t i = 0; i < kCostTerms; ++i) gain += (*terms)[i] * equations.right[i];
    if (gain <= best_gain) continue;
    best_gain = gain;
    best = *terms;
  }
  return best;
}

}  // namespace

CostTerms SolveNonNegative(const NormalEquations& equations, unsigned allowed) {
  // Unknowns of similar size, so that one threshold detects a singular system.
  CostTerms unit{};
  NormalEquations scaled;
  for (std::size_t i = 0; i < kCostTerms; ++i) {
    if (!Has(allowed, i)) continue;
    unit[i] = 1 / std::sqrt(std::max(equations.matrix[i][i], 1e-300));
    scaled.right[i] = equations.right[i] * unit[i];
  }
  for (std::size_t i = 0; i < kCostTerms; ++i) {
    for (std::size_t j = 0; j < kCostTerms; ++j) {
      if (Has(allowed, i) && Has(allowed, j)) scaled.matrix[i][j] = equations.matrix[i][j] * (unit[i] * unit[j]);
    }
  }
  const std::optional<CostTerms> clear = ByChangingSides(scaled, allowed);
  CostTerms terms = clear ? *clear : BySearch(scaled, allowed);
  for (std::size_t i = 0; i < kCostTerms; ++i) terms[i] *= unit[i];
  return terms;
}

}  // namespace smartbatch::scheduling
