#include "services/proxy/scheduling/customers/airport_charges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

std::vector<double> Charges(const CostModel& cost, const std::vector<std::uint32_t>& lengths, std::size_t paying) {
  std::vector<double> charges;
  AirportCharges(cost, lengths, paying, charges);
  return charges;
}

// The Shapley value by its definition: each payer's mean part over every order in which the payers may come.
std::vector<double> ShapleyValue(const CostModel& cost, const std::vector<std::uint32_t>& lengths) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0U);
  std::vector<double> value(lengths.size(), 0);
  double orders = 0;
  do {
    double before = 0;
    std::uint32_t longest = 0;
    for (const std::size_t who : order) {
      longest = std::max(longest, lengths[who]);
      const double needed = cost.Seconds(lengths.size(), longest);
      value[who] += needed - before;
      before = needed;
    }
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));
  for (double& part : value) part /= orders;
  return value;
}

TEST(AirportCharges, AreTheShapleyValueOfTheLengths) {
  Random random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::uint32_t> lengths(static_cast<std::size_t>(random.Between(1, 6)));
    for (std::uint32_t& length : lengths) length = static_cast<std::uint32_t>(random.Between(1, 10));
    CostModel cost{random.Chance(0.5) ? 1e-5 : 0, 1e-6};
    if (random.Chance(0.5)) cost = {1e-5, 0, 1e-6, 1e-6, 1e-7, random.Chance(0.5) ? 1.0 : 3.0};
    const std::vector<double> expected = ShapleyValue(cost, lengths);
    const std::vector<double> charged = Charges(cost, lengths, lengths.size());
    for (std::size_t i = 0; i < lengths.size(); ++i) EXPECT_NEAR(charged[i], expected[i], 1e-12);
  }
}

TEST(AirportCharges, AddUpToTheCostOfTheBatchWhoeverRides) {
  Random random(2);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint32_t> lengths(static_cast<std::size_t>(random.Between(1, 64)));
    for (std::uint32_t& length : lengths) length = static_cast<std::uint32_t>(random.Between(1, 2000));
    const auto paying = static_cast<std::size_t>(random.Between(1, static_cast<std::int64_t>(lengths.size())));
    // Riders are no longer than the longest payer.
    std::iter_swap(lengths.begin(), std::max_element(lengths.begin(), lengths.end()));
    const CostModel cost{random.Uniform() * 0.01, random.Uniform() * 1e-6, random.Uniform() * 1e-3,
                         random.Uniform() * 1e-5, random.Uniform() * 1e-8, random.Chance(0.5) ? 1.0 : 3.0};
    const std::vector<double> charged = Charges(cost, lengths, paying);
    const double sum = std::accumulate(charged.begin(), charged.end(), 0.0);
    const double whole = cost.Seconds(static_cast<std::uint32_t>(lengths.size()), lengths.front());
    ASSERT_NEAR(sum, whole, 1e-9 * whole);
    for (const double charge : charged) ASSERT_GE(charge, 0);
  }
}

TEST(AirportCharges, LetRidersGoFreeIfSeatsCostNothing) {
  const std::vector<double> charged = Charges(CostModel{}, {100, 40, 80}, 1);
  EXPECT_DOUBLE_EQ(charged[0], 0.01);
  EXPECT_EQ(charged[1], 0);
  EXPECT_EQ(charged[2], 0);
}

TEST(AirportCharges, LetNobodyPayForAnothersLength) {
  const std::vector<double> charged = Charges(CostModel{}, {100, 10}, 2);
  EXPECT_DOUBLE_EQ(charged[1], 1e-4 / 2);
  EXPECT_DOUBLE_EQ(charged[0], 1e-2 - 1e-4 / 2);
}

}  // namespace
}  // namespace smartbatch::scheduling
