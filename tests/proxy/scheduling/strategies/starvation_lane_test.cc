#include "services/proxy/scheduling/strategies/starvation_lane.h"

#include <gtest/gtest.h>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::seconds;

constexpr double kNoLimit = 1e6;  // in batches: only the age in seconds counts

TEST(StarvationLane, OpensOnceItsShareOfWhatWentPastTheOldestCoversIt) {
  StarvationLane lane(0.25, seconds(10), kNoLimit);
  const Time arrival(seconds(100));
  // Old enough from 110 s on. It costs 2 s, which 8 s of others pay for.
  Time now(seconds(110));
  for (int batch = 0; batch < 8; ++batch) {
    EXPECT_FALSE(lane.Opens(now, arrival, 2)) << batch;
    lane.Save(now, arrival, 1);
    now += seconds(1);
  }
  EXPECT_TRUE(lane.Opens(now, arrival, 2));
  lane.Spend(2);
  EXPECT_FALSE(lane.Opens(now, arrival, 2));
}

TEST(StarvationLane, StaysShutBeforeTheAgeAndForgetsWhatWasSavedForAnOlderOne) {
  StarvationLane lane(0.5, seconds(10), kNoLimit);
  lane.Save(Time(seconds(120)), Time(seconds(100)), 100);
  EXPECT_TRUE(lane.Opens(Time(seconds(120)), Time(seconds(100)), 2));
  EXPECT_FALSE(lane.Opens(Time(seconds(120)), Time(seconds(111)), 0));
  EXPECT_FALSE(lane.Opens(Time(seconds(121)), Time(seconds(111)), 2)) << "the credit was dropped";
}

TEST(StarvationLane, SavesOnlyOfTheTimeBeyondTheAge) {
  StarvationLane lane(0.5, seconds(10), kNoLimit);
  // The batch of 4 s ends 1 s beyond the age.
  lane.Save(Time(seconds(107)), Time(seconds(100)), 4);
  EXPECT_TRUE(lane.Opens(Time(seconds(111)), Time(seconds(100)), 0.5));
  EXPECT_FALSE(lane.Opens(Time(seconds(111)), Time(seconds(100)), 0.51));
}

TEST(StarvationLane, TakesTheAgeFromTheMeanBatchIfThatComesFirst) {
  StarvationLane lane(0.5, seconds(10), 200);
  const Time arrival(seconds(100));
  for (int batch = 0; batch < 1000; ++batch) lane.Spend(0.005);  // 200 of them take a second
  EXPECT_FALSE(lane.Opens(Time(seconds(101)) - Duration(std::chrono::milliseconds(1)), arrival, 0));
  lane.Save(Time(seconds(101)), arrival, 0.005);
  EXPECT_TRUE(lane.Opens(Time(seconds(101)) + Duration(std::chrono::milliseconds(1)), arrival, 0.0025));
}

TEST(StarvationLane, NeverOpensIfItsShareIsNone) {
  StarvationLane lane(0, seconds(0), kNoLimit);
  lane.Save(Time(seconds(1000)), Time(seconds(1)), 1000);
  EXPECT_FALSE(lane.Opens(Time(seconds(2000)), Time(seconds(1)), 0));
}

// While somebody is too old, what goes by the lane takes its share of what the others take and no more; and nobody
// waits for longer than until the others have paid for it, and for the batch with which they did.
TEST(StarvationLane, TakesItsShareOfTheOthersAndNotMoreWhateverBatchesCost) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    const double share = 0.02 + 0.48 * random.Uniform();
    StarvationLane lane(share, seconds(10), kNoLimit);
    const Time arrival(seconds(100));
    Time now(seconds(110));
    double others_seconds = 0;
    double lane_seconds = 0;
    double since_last = 0;
    int opened = 0;
    for (int batch = 0; batch < 2000; ++batch) {
      const double oldest_costs = 0.01 + random.Uniform();
      if (lane.Opens(now, arrival, oldest_costs)) {
        lane.Spend(oldest_costs);
        lane_seconds += oldest_costs;
        since_last = 0;
        ++opened;
      } else {
        const double costs = 0.01 + 2 * random.Uniform();
        lane.Save(now, arrival, costs);
        others_seconds += costs;
        since_last += costs;
        // The dearest oldest costs 1.01 s.
        EXPECT_LE(since_last, 1.01 / share + 2.01) << "seed " << seed;
        now += FromSeconds(costs);
      }
      EXPECT_LE(lane_seconds, share * others_seconds + 1e-9) << "seed " << seed;
    }
    EXPECT_GT(opened, 10) << "seed " << seed;
    EXPECT_GE(lane_seconds, share * others_seconds - 1.01 - 2.01) << "seed " << seed;
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
