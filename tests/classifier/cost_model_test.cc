#include "services/classifier/cost_model.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace smartbatch::classifier {
namespace {

TEST(CostModel, TakesTheOriginalsTimeByDefault) {
  const CostModel model;
  EXPECT_NEAR(model.Seconds(1, 571), 0.326, 0.0005);
  EXPECT_NEAR(model.Seconds(1, 98), 0.0096, 0.00005);
  EXPECT_NEAR(model.Seconds(1, 15), 0.0002, 0.00003);
}

TEST(CostModel, MakesShorterSequencesFreeByDefault) {
  EXPECT_EQ(CostModel{}.Seconds(1, 571), CostModel{}.Seconds(5, 571));
}

TEST(CostModel, AddsAllFourTerms) {
  const CostModel model{.fixed = 1, .quadratic = 0.01, .per_sequence = 0.5, .per_character = 0.001};
  EXPECT_DOUBLE_EQ(model.Seconds(4, 10), 1 + 1 + 2 + 0.04);
  EXPECT_EQ(model.Time(4, 10), FromSeconds(4.04));
}

TEST(CostModel, TakesNoTimeWhereEveryTermIsZero) {
  EXPECT_EQ((CostModel{.quadratic = 0}.Time(5, 100'000)), Duration::zero());
}

TEST(CostModel, RefusesTermsThatAreNoTimeAndNamesThem) {
  EXPECT_TRUE(CostModel{}.Validate().ok());
  for (const double wrong :
       {-1e-9, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const auto status = CostModel{.per_sequence = wrong}.Validate();
    EXPECT_NE(std::string(status.message()).find("--cost-per-sequence"), std::string::npos) << status.ToString();
  }
}

}  // namespace
}  // namespace smartbatch::classifier
