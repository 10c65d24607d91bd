#include "services/proxy/scheduling/strategies/length_classes.h"

#include <cstdint>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/model/selection.h"
#include "tests/proxy/scheduling/strategies/waiting_requests.h"

namespace smartbatch::scheduling {
namespace {

constexpr std::uint32_t kFewest = 2;
constexpr std::uint32_t kMost = 16;

class LengthClassesTest : public testing::Test {
 protected:
  // A batch was chosen that has `of_100` sequences of 100 characters and `of_1000` of 1,000.
  void Batch(std::uint32_t of_100, std::uint32_t of_1000) {
    selection_.Clear(64);
    for (std::uint32_t i = 0; i < of_100; ++i) selection_.Take(requests_.Add({100}).sequences.front());
    for (std::uint32_t i = 0; i < of_1000; ++i) selection_.Take(requests_.Add({1000}).sequences.front());
    classes_.ShowAsManyAsAreTaken(selection_, kFewest, kMost);
  }
  std::uint32_t Shown(std::uint32_t length) { return classes_.classes()[classes_.PlaceOf(length)].shown; }

  WaitingRequests requests_;
  LengthClasses classes_{1.25, kMost};
  Selection selection_;
};

TEST_F(LengthClassesTest, HasEachLengthInOneClassWhoseLengthsAreWithinTheRatio) {
  std::uint32_t next = 1;
  for (const LengthClasses::Class& each : classes_.classes()) {
    EXPECT_EQ(each.shortest, next);
    EXPECT_LE(each.longest, 1.25 * each.shortest);
    next = each.longest + 1;
  }
  EXPECT_EQ(next, kLongestSequence + 1);
}

TEST_F(LengthClassesTest, ShowsAllOfAClassUntilABatchThatCouldHaveTakenThemTookFewer) {
  EXPECT_EQ(Shown(100), kMost);
  for (int batch = 0; batch < 100; ++batch) Batch(1, 0);
  EXPECT_EQ(Shown(100), 4U);
  EXPECT_EQ(Shown(50), kFewest);  // it was shorter, and nothing of it was taken
  EXPECT_EQ(Shown(1000), kMost);  // it was too long for these batches, which say nothing of it
}

TEST_F(LengthClassesTest, ShowsAClassThatFillsBatchesAsFarAsItFillsThem) {
  for (int batch = 0; batch < 100; ++batch) Batch(0, 1);
  ASSERT_EQ(Shown(100), kFewest);
  Batch(kFewest, 0);
  EXPECT_EQ(Shown(100), 4 * kFewest);
  Batch(4 * kFewest, 0);
  EXPECT_EQ(Shown(100), kMost);
  Batch(0, 1);
  EXPECT_EQ(Shown(100), 9 * kMost / 10);  // one batch without it is soon forgotten
}

}  // namespace
}  // namespace smartbatch::scheduling
