#include "services/classifier/faults.h"

#include <limits>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace smartbatch::classifier {
namespace {

constexpr int kBatches = 20'000;

std::map<Fault, int> Count(const FaultPlan& plan) {
  std::map<Fault, int> counts;
  for (int i = 0; i < kBatches; ++i) ++counts[plan.Decide(static_cast<std::uint64_t>(i), {"text"})];
  return counts;
}

TEST(Faults, AreNoneWhereNoneIsAskedFor) { EXPECT_EQ(Count(FaultPlan(FaultOptions{}))[Fault::kNone], kBatches); }

TEST(Faults, ComeAtTheirRates) {
  auto counts = Count(FaultPlan({.error_rate = 0.1, .slow_rate = 0.2, .hang_rate = 0.05}));
  // 5 standard deviations of a binomial count are at most 283 here.
  EXPECT_NEAR(counts[Fault::kError], 0.1 * kBatches, 285);
  EXPECT_NEAR(counts[Fault::kSlow], 0.2 * kBatches, 285);
  EXPECT_NEAR(counts[Fault::kHang], 0.05 * kBatches, 285);
}

TEST(Faults, HitEveryBatchAtRateOne) {
  EXPECT_EQ(Count(FaultPlan({.error_rate = 1}))[Fault::kError], kBatches);
  EXPECT_EQ(Count(FaultPlan({.slow_rate = 1}))[Fault::kSlow], kBatches);
  EXPECT_EQ(Count(FaultPlan({.hang_rate = 1}))[Fault::kHang], kBatches);
}

TEST(Faults, AreRepeatedByTheSameSeedAndChangedByAnother) {
  const FaultPlan first({.error_rate = 0.5, .seed = 7});
  const FaultPlan same({.error_rate = 0.5, .seed = 7});
  const FaultPlan other({.error_rate = 0.5, .seed = 8});
  int changed = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(first.Decide(i, {}), same.Decide(i, {}));
    changed += first.Decide(i, {}) != other.Decide(i, {}) ? 1 : 0;
  }
  EXPECT_GT(changed, 300);
}

TEST(Faults, HitEveryBatchThatHoldsThePoisonAndNoOther) {
  const FaultPlan plan({.poison = "arsenic", .crash = "cyanide"});
  EXPECT_EQ(plan.Decide(1, {"arsenic", "some cyanide"}), Fault::kCrash);
  EXPECT_EQ(plan.Decide(0, {"harmless", "some arsenic here"}), Fault::kError);
  EXPECT_EQ(plan.Decide(0, {"harmless", "arseni c"}), Fault::kNone);
}

TEST(Faults, RefuseOptionsThatMakeNoSenseAndNameThem) {
  const auto message = [](const FaultOptions& options) { return std::string(options.Validate().message()); };
  EXPECT_TRUE((FaultOptions{.error_rate = 0.5, .slow_rate = 0.3, .hang_rate = 0.2}.Validate().ok()));
  EXPECT_NE(message({.error_rate = 1.5}).find("--fault-error-rate is 1.5"), std::string::npos);
  EXPECT_NE(message({.hang_rate = -0.1}).find("--fault-hang-rate is -0.1"), std::string::npos);
  EXPECT_NE(message({.slow_rate = std::numeric_limits<double>::quiet_NaN()}).find("--fault-slow-rate"),
            std::string::npos);
  EXPECT_NE(message({.error_rate = 0.6, .slow_rate = 0.6}).find("add up to 1.2"), std::string::npos);
  EXPECT_NE(message({.slow_factor = 0.5}).find("--fault-slow-factor is 0.5"), std::string::npos);
}

}  // namespace
}  // namespace smartbatch::classifier
