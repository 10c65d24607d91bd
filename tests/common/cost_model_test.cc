#include "common/cost_model.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "common/program/cost_flags.h"
#include "common/random.h"

namespace smartbatch {
namespace {

CostModel RandomCost(Random& random) {
  const auto term = [&](double most) { return random.Chance(0.3) ? 0 : most * random.Uniform(); };
  const double knees[] = {1, 3, 2.5, CostModel::kLargestKnee};
  return {term(0.01), term(1e-6), term(1e-3), term(1e-5), term(1e-8), knees[random.Between(0, 3)]};
}

TEST(CostModel, TakesTheOriginalsTimeByDefault) {
  const CostModel model;
  EXPECT_NEAR(model.Seconds(1, 571), 0.326, 0.0005);
  EXPECT_NEAR(model.Seconds(1, 98), 0.0096, 0.00005);
  EXPECT_NEAR(model.Seconds(1, 15), 0.0002, 0.00003);
}

TEST(CostModel, MakesShorterSequencesFreeByDefault) {
  EXPECT_EQ(CostModel{}.Seconds(1, 571), CostModel{}.Seconds(5, 571));
  EXPECT_TRUE(CostModel{}.RidersAreFree());
  EXPECT_FALSE((CostModel{.per_character_squared = 1e-9}.RidersAreFree()));
}

TEST(CostModel, AddsAllFiveTerms) {
  const CostModel model{
      .fixed = 1, .quadratic = 0.01, .per_sequence = 0.5, .per_character = 0.001, .per_character_squared = 0.002};
  EXPECT_DOUBLE_EQ(model.Seconds(4, 10), 1 + 1 + 2 + 0.04 + 0.8);
}

TEST(CostModel, HidesSmallWorkBehindTheFixedPartWithAKnee) {
  const CostModel smooth{.fixed = 1, .quadratic = 0, .per_sequence = 1, .knee = 3};
  EXPECT_DOUBLE_EQ(smooth.Seconds(1, 10), std::cbrt(2));
  EXPECT_DOUBLE_EQ(smooth.Seconds(2, 10), std::cbrt(9));
  const CostModel sharp{.fixed = 1, .quadratic = 0, .per_sequence = 0.1, .knee = CostModel::kLargestKnee};
  EXPECT_NEAR(sharp.Seconds(5, 10), 1, 1e-12);
  EXPECT_NEAR(sharp.Seconds(20, 10), 2, 1e-12);
}

TEST(CostModel, TakesTheCubeRootOfAKneeAsExactlyAsTheStandardLibrary) {
  for (int step = 0; step <= 1000; ++step) {
    const double work = step / 1000.0;
    const CostModel smooth{.fixed = 1, .quadratic = 0, .per_sequence = work, .knee = 3};
    const double root = std::cbrt(1 + work * work * work);
    EXPECT_NEAR(smooth.Seconds(1, 10) / root, 1, 7e-16) << work;
  }
}

TEST(CostModel, HasItsCubeWithoutARootIfTheKneeIsCubic) {
  const CostModel gpu = *FindCostProfile("gpu");
  for (const std::size_t sequences : {1U, 16U, 64U}) {
    for (const std::size_t length : {1U, 128U, 4096U, 200'000U}) {
      const double seconds = gpu.Seconds(sequences, length);
      EXPECT_NEAR(gpu.SecondsCubed(sequences, length) / (seconds * seconds * seconds), 1, 1e-14);
    }
  }
}

TEST(CostModel, NeitherFallsWithSizeNorRisesForEachSequence) {
  Random random(1);
  for (int round = 0; round < 1000; ++round) {
    const CostModel cost = RandomCost(random);
    const auto n = static_cast<std::size_t>(random.Between(1, 64));
    const auto length = static_cast<std::size_t>(random.Between(1, 5000));
    const double seconds = cost.Seconds(n, length);
    const double slack = 1e-12 * seconds;
    EXPECT_GE(cost.Seconds(n + 1, length) + slack, seconds);
    EXPECT_GE(cost.Seconds(n, length + 1) + slack, seconds);
    EXPECT_LE(cost.Packed(static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(n) + 1),
              cost.Packed(static_cast<std::uint32_t>(length), static_cast<std::uint32_t>(n)) + slack);
  }
}

TEST(CostModel, TakesNoTimeIfEveryTermIsZero) {
  for (const double knee : {1.0, 3.0, 7.0}) EXPECT_EQ((CostModel{.quadratic = 0, .knee = knee}.Seconds(5, 100'000)), 0);
}

TEST(CostModel, RefusesTermsThatAreNoTimeAndNamesThem) {
  EXPECT_TRUE(CostModel{}.Validate().ok());
  for (const double wrong :
       {-1e-9, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
    const auto status = CostModel{.per_sequence = wrong}.Validate();
    EXPECT_NE(std::string(status.message()).find("--cost-per-sequence"), std::string::npos) << status.ToString();
  }
  for (const double wrong : {0.9, 101.0, std::numeric_limits<double>::quiet_NaN()}) {
    const auto status = CostModel{.knee = wrong}.Validate("--believed-cost-");
    EXPECT_NE(std::string(status.message()).find("--believed-cost-knee"), std::string::npos) << status.ToString();
  }
}

TEST(CostProfiles, AreFoundByNameAndAnUnknownNameIsToldTheOthers) {
  for (const CostProfile& profile : CostProfiles()) {
    EXPECT_EQ(*FindCostProfile(profile.name), profile.cost);
    EXPECT_TRUE(profile.cost.Validate().ok());
  }
  EXPECT_EQ(*FindCostProfile("seed"), CostModel{});
  const auto unknown = FindCostProfile("tpu");
  EXPECT_EQ(unknown.status().message(), "cost profile 'tpu' is not known; give seed, cpu or gpu");
}

TEST(CostFlags, StartFromTheProfileAndReplaceTheTermsThatAreGiven) {
  const auto parsed = [](std::vector<std::string> arguments, const CostModel& base) {
    program::CostFlags flags;
    CLI::App app;
    program::AddCostFlags(app, "cost-", "", flags, program::InEnvironment::kNo);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return flags.Over(base);
  };
  CostModel gpu = *FindCostProfile("gpu");
  EXPECT_EQ(parsed({}, gpu), gpu);
  EXPECT_EQ(parsed({"--cost-profile", "gpu"}, {}), gpu);
  gpu.fixed = 0.005;
  gpu.knee = 1;
  // The order does not matter.
  EXPECT_EQ(parsed({"--cost-knee", "1", "--cost-fixed", "0.005", "--cost-profile", "gpu"}, {}), gpu);
  EXPECT_EQ(parsed({"--cost-fixed", "0.005"}, {}), (CostModel{.fixed = 0.005}));
  EXPECT_THROW(parsed({"--cost-profile", "tpu"}, {}), CLI::ParseError);
}

}  // namespace
}  // namespace smartbatch
