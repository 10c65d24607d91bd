#include "services/rpc/time_left.h"

#include <gtest/gtest.h>

#include <grpc/support/time.h>

namespace smartbatch::rpc {
namespace {

constexpr std::int64_t kSecondsOfAYear = 31'556'952;

gpr_timespec In(std::int64_t later_seconds, gpr_clock_type clock) {
  return gpr_time_add(gpr_now(clock), gpr_time_from_seconds(later_seconds, GPR_TIMESPAN));
}

class TimeLeftOnAClock : public ::testing::TestWithParam<gpr_clock_type> {};

TEST_P(TimeLeftOnAClock, IsNothingIfThereIsNoDeadlineThatCanBeCounted) {
  EXPECT_EQ(TimeLeft(gpr_inf_future(GetParam())), std::nullopt);
  EXPECT_EQ(TimeLeft(In(293 * kSecondsOfAYear, GetParam())), std::nullopt);
  EXPECT_EQ(TimeLeft(In(100'000 * kSecondsOfAYear, GetParam())), std::nullopt);
  const auto far = TimeLeft(In(250 * kSecondsOfAYear, GetParam()));
  ASSERT_TRUE(far);
  EXPECT_NEAR(ToSeconds(*far), 250.0 * kSecondsOfAYear, 60);
}

TEST_P(TimeLeftOnAClock, IsZeroOnceTheDeadlineHasPassed) {
  EXPECT_EQ(TimeLeft(In(-1, GetParam())), Duration::zero());
  EXPECT_EQ(TimeLeft(gpr_inf_past(GetParam())), Duration::zero());
  const auto near = TimeLeft(In(20, GetParam()));
  ASSERT_TRUE(near);
  EXPECT_NEAR(ToSeconds(*near), 20, 5);
}

INSTANTIATE_TEST_SUITE_P(Clocks, TimeLeftOnAClock, ::testing::Values(GPR_CLOCK_REALTIME, GPR_CLOCK_MONOTONIC));

}  // namespace
}  // namespace smartbatch::rpc
