#include "services/proxy/scheduling/strategies/length_costs.h"

#include <cstdint>

#include <gtest/gtest.h>

#include "common/cost_model.h"
#include "tests/proxy/scheduling/strategies/waiting_requests.h"

namespace smartbatch::scheduling {
namespace {

constexpr std::uint32_t kSeats = 16;

CostModel Times(double factor, CostModel cost) {
  for (double* const term :
       {&cost.fixed, &cost.quadratic, &cost.per_sequence, &cost.per_character, &cost.per_character_squared}) {
    *term *= factor;
  }
  return cost;
}

TEST(LengthCosts, AreThoseOfTheCostModelForEveryLength) {
  LengthCosts costs;
  for (const CostProfile& profile : CostProfiles()) {
    costs.Start(profile.cost, kSeats);
    for (std::uint32_t length = 1; length < 5000; ++length) {
      ASSERT_NEAR(costs.Alone(length) / profile.cost.Alone(length), 1, 1e-12);
      ASSERT_NEAR(costs.LeastSeconds(length) / profile.cost.Packed(length, kSeats), 1, 1e-12);
    }
  }
}

TEST(LengthCosts, AreComputedAnewOnlyIfTheCostHasChangedByMoreThanThreeHundredths) {
  for (const CostProfile& profile : CostProfiles()) {
    LengthCosts costs;
    costs.Start(profile.cost, kSeats);
    const std::uint32_t version = costs.version();
    costs.Start(Times(1.02, profile.cost), kSeats);
    EXPECT_EQ(costs.version(), version) << profile.name;
    EXPECT_DOUBLE_EQ(costs.Alone(100), profile.cost.Alone(100)) << profile.name;
    // From where it was computed, and not step by step from the last one.
    costs.Start(Times(1.04, profile.cost), kSeats);
    EXPECT_NE(costs.version(), version) << profile.name;
    EXPECT_DOUBLE_EQ(costs.Alone(100), 1.04 * profile.cost.Alone(100)) << profile.name;
    costs.Start(Times(1.04, profile.cost), kSeats / 2);
    EXPECT_DOUBLE_EQ(costs.LeastSeconds(100), 1.04 * profile.cost.Packed(100, kSeats / 2)) << profile.name;
  }
}

// A fit to short texts may change what it says of long ones by any factor.
TEST(LengthCosts, AreThoseOfTheCostOfNowForTheLongestThatWasAskedFor) {
  constexpr std::uint32_t kLong = 100'000;
  for (const double knee : {1.0, 3.0}) {
    const CostModel flat{.fixed = 1, .quadratic = 0, .per_character = 1e-4, .knee = knee};
    CostModel steep = flat;
    steep.per_character_squared = 1e-9;
    ASSERT_NEAR(steep.Seconds(kSeats, 1024) / flat.Seconds(kSeats, 1024), 1, 0.02);
    ASSERT_GT(steep.Packed(kLong, kSeats), 1.5 * flat.Packed(kLong, kSeats));
    LengthCosts costs;
    for (const CostModel& cost : {flat, steep, flat}) {
      costs.Start(cost, kSeats);
      EXPECT_NEAR(costs.LeastSeconds(kLong) / cost.Packed(kLong, kSeats), 1, 1e-12) << "knee " << knee;
    }
    // Without long texts they count as the same.
    costs.Start(steep, kSeats);
    costs.Start(flat, kSeats);
    EXPECT_GT(costs.LeastSeconds(1000), 0);
    const std::uint32_t version = costs.version();
    costs.Start(steep, kSeats);
    EXPECT_EQ(costs.version(), version) << "knee " << knee;
  }
}

TEST(LengthCosts, AddUpOverTheSequencesOfARequestThatWait) {
  WaitingRequests requests;
  PendingRequest& request = requests.Add({100, 200, 300, 400});
  request.sequences[1].state = SequenceState::kRunning;
  request.sequences[2].alone = true;
  const CostModel cost = CostProfiles()[2].cost;
  LengthCosts costs;
  costs.Start(cost, kSeats);
  EXPECT_DOUBLE_EQ(costs.LeastSecondsLeft(request), cost.Packed(100, kSeats) + cost.Packed(400, kSeats));
}

}  // namespace
}  // namespace smartbatch::scheduling
