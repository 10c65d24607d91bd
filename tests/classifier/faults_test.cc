#include "services/classifier/faults.h"

#include <gtest/gtest.h>

namespace smartbatch::classifier {
namespace {

TEST(Faults, HitEveryBatchThatHoldsThePoisonAndNoOther) {
  const FaultOptions faults{.poison = "arsenic"};
  EXPECT_EQ(faults.Decide(0, {"harmless", "some arsenic here"}), Fault::kError);
  EXPECT_EQ(faults.Decide(0, {"harmless", "arseni c"}), Fault::kNone);
}

TEST(Faults, EndTheClassifierForATextThatHoldsTheWordAndForNoOther) {
  const FaultOptions faults{.crash = "cyanide"};
  EXPECT_TRUE(faults.EndTheClassifier({"harmless", "some cyanide"}));
  EXPECT_FALSE(faults.EndTheClassifier({"harmless", "cyanid e"}));
  EXPECT_FALSE(FaultOptions{}.EndTheClassifier({"harmless", ""}));
}

TEST(Faults, FollowTheRatesIfNoTextSaysOtherwise) {
  const FaultOptions faults{.rates = {.slow_rate = 1}, .poison = "arsenic"};
  EXPECT_EQ(faults.Decide(3, {"harmless"}), Fault::kSlow);
  EXPECT_EQ(faults.Decide(3, {"arsenic"}), Fault::kError);
}

}  // namespace
}  // namespace smartbatch::classifier
