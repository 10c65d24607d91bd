// Least squares in the terms of a cost model, none of which may be negative.
#pragma once

#include <array>
#include <cstddef>

namespace smartbatch::scheduling {

inline constexpr std::size_t kCostTerms = 5;
// In the order of CostModel.
using CostTerms = std::array<double, kCostTerms>;
// Bit i stands for term i.
inline constexpr unsigned kAllCostTerms = (1U << kCostTerms) - 1;

// The sum of squares, up to a constant: terms . (matrix terms) / 2 - right . terms. The matrix is symmetric.
struct NormalEquations {
  std::array<CostTerms, kCostTerms> matrix{};
  CostTerms right{};
};

// Returns the terms of the least sum of squares, of which none is negative and those outside of `allowed` are 0; the
// rows and columns of these are not read. Terms whose diagonal element is 0 are 0. The matrix of the others must be
// positive definite: the answer is then unique.
CostTerms SolveNonNegative(const NormalEquations& equations, unsigned allowed);

}  // namespace smartbatch::scheduling
