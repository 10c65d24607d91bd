#include "common/fault_rates.h"

#include <limits>
#include <map>
#include <string>

#include <gtest/gtest.h>

namespace smartbatch {
namespace {

constexpr int kBatches = 20'000;

std::map<Fault, int> Count(const FaultRates& rates) {
  std::map<Fault, int> counts;
  for (int i = 0; i < kBatches; ++i) ++counts[rates.Draw(static_cast<std::uint64_t>(i))];
  return counts;
}

TEST(FaultRates, AreNoneIfNoneIsAskedFor) { EXPECT_EQ(Count(FaultRates{})[Fault::kNone], kBatches); }

TEST(FaultRates, ComeAtTheirRates) {
  auto counts = Count(FaultRates{.error_rate = 0.1, .slow_rate = 0.2, .hang_rate = 0.05});
  // 5 standard deviations of a binomial count are at most 283 here.
  EXPECT_NEAR(counts[Fault::kError], 0.1 * kBatches, 285);
  EXPECT_NEAR(counts[Fault::kSlow], 0.2 * kBatches, 285);
  EXPECT_NEAR(counts[Fault::kHang], 0.05 * kBatches, 285);
}

TEST(FaultRates, HitEveryBatchAtRateOne) {
  EXPECT_EQ(Count(FaultRates{.error_rate = 1})[Fault::kError], kBatches);
  EXPECT_EQ(Count(FaultRates{.slow_rate = 1})[Fault::kSlow], kBatches);
  EXPECT_EQ(Count(FaultRates{.hang_rate = 1})[Fault::kHang], kBatches);
}

TEST(FaultRates, AreRepeatedByTheSameSeedAndChangedByAnother) {
  const FaultRates first{.error_rate = 0.5, .seed = 7};
  const FaultRates same{.error_rate = 0.5, .seed = 7};
  const FaultRates other{.error_rate = 0.5, .seed = 8};
  int changed = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(first.Draw(i), same.Draw(i));
    changed += first.Draw(i) != other.Draw(i) ? 1 : 0;
  }
  EXPECT_GT(changed, 300);
}

TEST(FaultRates, RefuseOptionsThatMakeNoSenseAndNameThem) {
  const auto message = [](const FaultRates& options) { return std::string(options.Validate().message()); };
  EXPECT_TRUE((FaultRates{.error_rate = 0.5, .slow_rate = 0.3, .hang_rate = 0.2}.Validate().ok()));
  EXPECT_NE(message({.error_rate = 1.5}).find("--fault-error-rate is 1.5"), std::string::npos);
  EXPECT_NE(message({.hang_rate = -0.1}).find("--fault-hang-rate is -0.1"), std::string::npos);
  EXPECT_NE(message({.slow_rate = std::numeric_limits<double>::quiet_NaN()}).find("--fault-slow-rate"),
            std::string::npos);
  EXPECT_NE(message({.error_rate = 0.6, .slow_rate = 0.6}).find("add up to 1.2"), std::string::npos);
  EXPECT_NE(message({.slow_factor = 0.5}).find("--fault-slow-factor is 0.5"), std::string::npos);
}

}  // namespace
}  // namespace smartbatch
