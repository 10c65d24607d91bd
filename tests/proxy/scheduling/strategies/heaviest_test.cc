#include "services/proxy/scheduling/strategies/heaviest.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

// The oracle sorts all that was offered.
TEST(Heaviest, HoldsTheHeaviestOfAllThatWasOfferedInOrder) {
  Random random(1);
  Heaviest heaviest;
  for (int round = 0; round < 300; ++round) {
    const auto seats = static_cast<std::size_t>(random.Between(1, 20));
    heaviest.Clear(seats);
    std::vector<double> offered;
    for (std::int64_t i = random.Between(0, 60); i > 0; --i) {
      const auto weight = static_cast<double>(random.Between(1, 30));  // so that some weigh the same
      const bool is_among_them = offered.size() < seats || weight > *std::min_element(offered.begin(), offered.end());
      ASSERT_EQ(heaviest.Accepts(weight), is_among_them);
      if (is_among_them) heaviest.Add({weight, 2 * weight});
      offered.push_back(weight);
      std::sort(offered.begin(), offered.end(), std::greater<>());
      offered.resize(std::min(offered.size(), seats));

      ASSERT_EQ(heaviest.size(), offered.size());
      ASSERT_EQ(heaviest.weight(), std::accumulate(offered.begin(), offered.end(), 0.0));
      for (std::size_t place = 0; place < offered.size(); ++place) {
        ASSERT_EQ(heaviest[place].weight, offered[place]);
        ASSERT_EQ(heaviest[place].least_seconds, 2 * offered[place]);
      }
    }
    EXPECT_EQ(heaviest.empty(), offered.empty());
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
