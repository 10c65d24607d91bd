#include "services/classifier/engines/padding.h"

#include <gmock/gmock.h>

namespace smartbatch::classifier {
namespace {

using ::testing::ElementsAre;

TEST(Padding, FillsEveryRowToTheLongestAndMasksWhatItAdds) {
  const TokenRows rows = Padded({{7, 8}, {9, 10, 11, 12}, {13}});
  EXPECT_EQ(rows.columns, 4U);
  EXPECT_EQ(rows.rows(), 3U);
  EXPECT_THAT(rows.ids, ElementsAre(7, 8, 0, 0, 9, 10, 11, 12, 13, 0, 0, 0));
  EXPECT_THAT(rows.mask, ElementsAre(1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0));
}

TEST(Padding, LeavesARowAloneAsItIs) {
  const TokenRows rows = Padded({{7, 0, 8}});
  EXPECT_THAT(rows.ids, ElementsAre(7, 0, 8));
  EXPECT_THAT(rows.mask, ElementsAre(1, 1, 1));
}

}  // namespace
}  // namespace smartbatch::classifier
