// Non-negative least squares against a search over all sets of terms.
#include "services/proxy/scheduling/backends/least_squares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

// Row by row: what each batch says of the terms, and its right side.
struct System {
  std::vector<CostTerms> rows;
  std::vector<double> right;
};

// With a prior of 0 that counts as a small part of all rows.
NormalEquations NormalEquationsOf(const System& system) {
  constexpr double kPart = 0.003;
  NormalEquations equations;
  for (std::size_t row = 0; row < system.rows.size(); ++row) {
    const CostTerms& elements = system.rows[row];
    for (std::size_t i = 0; i < kCostTerms; ++i) {
      for (std::size_t j = 0; j < kCostTerms; ++j) equations.matrix[i][j] += elements[i] * elements[j];
      equations.right[i] += elements[i] * system.right[row];
    }
  }
  for (std::size_t i = 0; i < kCostTerms; ++i) equations.matrix[i][i] *= 1 + kPart;
  return equations;
}

// The same with rows and columns outside of `allowed` that must not be read.
NormalEquations Only(NormalEquations equations, unsigned allowed) {
  for (std::size_t i = 0; i < kCostTerms; ++i) {
    if ((allowed >> i & 1U) != 0) continue;
    equations.right[i] = std::nan("");
    for (std::size_t j = 0; j < kCostTerms; ++j) equations.matrix[i][j] = equations.matrix[j][i] = std::nan("");
  }
  return equations;
}

double SumOfSquares(const NormalEquations& equations, const CostTerms& terms) {
  double sum = 0;
  for (std::size_t i = 0; i < kCostTerms; ++i) {
    for (std::size_t j = 0; j < kCostTerms; ++j) sum += terms[i] * equations.matrix[i][j] * terms[j] / 2;
    sum -= equations.right[i] * terms[i];
  }
  return sum;
}

// The chosen terms where the sum is flat in each of them, by Gauss and Jordan with exchange of rows.
CostTerms FlatPoint(const NormalEquations& equations, const std::vector<std::size_t>& chosen) {
  const std::size_t count = chosen.size();
  std::vector<std::vector<double>> table(count, std::vector<double>(count + 1));
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) table[i][j] = equations.matrix[chosen[i]][chosen[j]];
    table[i][count] = equations.right[chosen[i]];
  }
  for (std::size_t column = 0; column < count; ++column) {
    std::size_t largest = column;
    for (std::size_t row = column; row < count; ++row) {
      if (std::abs(table[row][column]) > std::abs(table[largest][column])) largest = row;
    }
    std::swap(table[column], table[largest]);
    for (std::size_t row = 0; row < count; ++row) {
      if (row == column) continue;
      const double factor = table[row][column] / table[column][column];
      for (std::size_t k = column; k <= count; ++k) table[row][k] -= factor * table[column][k];
    }
  }
  CostTerms terms{};
  for (std::size_t i = 0; i < count; ++i) terms[chosen[i]] = table[i][count] / table[i][i];
  return terms;
}

// The best of all sets' flat points that have no negative term.
CostTerms SearchAllSets(const NormalEquations& equations, unsigned allowed) {
  CostTerms best{};
  for (unsigned set = 1; set <= kAllCostTerms; ++set) {
    if ((set & ~allowed) != 0) continue;
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < kCostTerms; ++i) {
      if ((set >> i & 1U) != 0) chosen.push_back(i);
    }
    const CostTerms terms = FlatPoint(equations, chosen);
    if (std::any_of(terms.begin(), terms.end(), [](double term) { return term < 0; })) continue;
    if (SumOfSquares(equations, terms) < SumOfSquares(equations, best)) best = terms;
  }
  return best;
}

// Rows whose elements are much alike, so that terms take one another's place, and of very different sizes. Half of the
// systems have a truth, as batches have; the others have any right side.
System AnySystem(Random& random) {
  System system;
  CostTerms sizes{};
  for (double& size : sizes) size = random.Lognormal(1, 3);
  const double likeness = 3 * random.Uniform();
  const bool has_truth = random.Chance(0.5);
  const auto rows = random.Between(1, 60);
  for (std::int64_t row = 0; row < rows; ++row) {
    const double common = likeness * random.Normal();
    CostTerms elements{};
    double right = random.Normal();
    for (std::size_t i = 0; i < kCostTerms; ++i) {
      const double element = common + random.Normal();
      elements[i] = sizes[i] * (has_truth ? std::exp(element) : element);
      if (has_truth) right += elements[i] / sizes[i];
    }
    system.rows.push_back(elements);
    system.right.push_back(right);
  }
  return system;
}

TEST(SolveNonNegative, FindsWhatASearchOverAllSetsFinds) {
  Random random(1);
  std::vector<int> with_terms(kCostTerms + 1);
  for (int i = 0; i < 20'000; ++i) {
    const NormalEquations equations = NormalEquationsOf(AnySystem(random));
    const bool all = random.Chance(0.5);
    const unsigned allowed = all ? kAllCostTerms : static_cast<unsigned>(random.Between(0, kAllCostTerms));
    const CostTerms expected = SearchAllSets(equations, allowed);
    const CostTerms found = SolveNonNegative(Only(equations, allowed), allowed);
    std::size_t terms = 0;
    for (std::size_t k = 0; k < kCostTerms; ++k) {
      EXPECT_GE(found[k], 0);
      if ((allowed >> k & 1U) == 0) {
        EXPECT_EQ(found[k], 0);
      }
      if (found[k] > 0) ++terms;
      // A term's share of the sum of squares: what its error changes.
      const double unit = std::sqrt(equations.matrix[k][k]);
      EXPECT_NEAR(unit * found[k], unit * expected[k], 1e-9 * (1 + unit * expected[k])) << "system " << i;
    }
    ++with_terms[terms];
  }
  for (std::size_t terms = 0; terms <= kCostTerms; ++terms) EXPECT_GT(with_terms[terms], 500) << terms << " terms";
}

TEST(SolveNonNegative, LeavesATermOutThatNoRowKnows) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    System system = AnySystem(random);
    const auto unknown = static_cast<std::size_t>(random.Between(0, kCostTerms - 1));
    for (CostTerms& row : system.rows) row[unknown] = 0;
    const NormalEquations equations = NormalEquationsOf(system);
    const CostTerms found = SolveNonNegative(equations, kAllCostTerms);
    EXPECT_EQ(found[unknown], 0);
    EXPECT_EQ(found, SolveNonNegative(equations, kAllCostTerms & ~(1U << unknown)));
  }
  EXPECT_EQ(SolveNonNegative({}, kAllCostTerms), CostTerms{});
}

}  // namespace
}  // namespace smartbatch::scheduling
