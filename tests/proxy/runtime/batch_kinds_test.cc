#include "services/proxy/runtime/batch_kinds.h"

#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "common/random.h"

namespace smartbatch::runtime {
namespace {

TEST(BatchKinds, TheEmptyKeyIsZeroAndTakesNoRoom) {
  BatchKinds kinds;
  EXPECT_EQ(kinds.Enter(""), 0U);
  EXPECT_EQ(kinds.size(), 0U);
  kinds.Leave(0);
}

TEST(BatchKinds, KeysThatAreInUseHaveOneNumberEachAndThoseThatAreNotTakeNoRoom) {
  BatchKinds kinds;
  Random random(1);
  std::multimap<std::string, std::uint32_t> in_use;
  std::uint32_t largest = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (in_use.size() < 20 && random.Chance(0.6)) {
      const std::string key(static_cast<std::size_t>(random.Between(1, 12)), 'k');
      const std::uint32_t kind = kinds.Enter(key);
      largest = std::max(largest, kind);
      for (const auto& [other, number] : in_use) EXPECT_EQ(other == key, number == kind);
      in_use.emplace(key, kind);
    } else if (!in_use.empty()) {
      kinds.Leave(in_use.begin()->second);
      in_use.erase(in_use.begin());
    }
    std::set<std::string> keys;
    for (const auto& [key, number] : in_use) keys.insert(key);
    ASSERT_EQ(kinds.size(), keys.size());
  }
  EXPECT_LE(largest, 12U);
}

}  // namespace
}  // namespace smartbatch::runtime
