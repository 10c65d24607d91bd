// Which backends get batches: what takes a backend out, for how long, and what brings it back.
#include "services/proxy/scheduling/backends/backend_pool.h"

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/batches/retry_budget.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kLength = 100;
const CostModel kCost{.fixed = 0.01, .quadratic = 0, .per_sequence = 0, .per_character = 0};

class ThePool : public ::testing::Test {
 protected:
  // Serves a batch on that backend that takes this long.
  void Serve(BackendId id, double took_seconds) {
    Batch batch;
    batch.backend = id;
    batch.members.push_back({{}, 0, kLength});
    batch.longest = kLength;
    batch.predicted_seconds = pool_[id].cost.Seconds(1, kLength);
    batch.counted_seconds = batch.predicted_seconds;
    pool_.Started(id);
    now_ += FromSeconds(took_seconds);
    pool_.Succeeded(id, batch, took_seconds, true, now_);
  }
  void KnowCostOf(BackendId id) {
    for (std::size_t i = 0; i < CostFit::kSamples; ++i) Serve(id, 0.01);
  }
  void Fail(BackendId id, bool for_content) {
    pool_.Started(id);
    for_content ? pool_.FailedForContent(id, now_) : pool_.Failed(id, now_);
  }
  bool CanBeUsed(BackendId id) { return pool_.HasOther(1 - id, now_); }

  Time now_{std::chrono::hours(1)};
  BackendPool pool_{BackendOptions{}};
  const BackendId first_ = pool_.Add("first", 1, kCost);
  const BackendId other_ = pool_.Add("other", 1, kCost);
};

TEST_F(ThePool, PausesABackendThatFailsLongerAndLongerUntilItServes) {
  Duration before{};
  for (int i = 0; i < 4; ++i) {
    Fail(first_, false);
    const Duration pause = pool_[first_].paused_until - now_;
    EXPECT_EQ(pause, before == Duration::zero() ? milliseconds(100) : 2 * before);
    before = pause;
    now_ += pause;
    EXPECT_TRUE(CanBeUsed(first_));
  }
  Serve(first_, 0.01);
  Fail(first_, false);
  EXPECT_EQ(pool_[first_].paused_until - now_, milliseconds(100));
}

TEST_F(ThePool, PausesABackendThatAnswersOnlyErrorsIfThereIsAnother) {
  for (int i = 0; i < 4; ++i) Fail(first_, true);
  EXPECT_TRUE(CanBeUsed(first_));
  Fail(first_, true);
  EXPECT_FALSE(CanBeUsed(first_));
  now_ = pool_[first_].paused_until;
  const Duration pause = milliseconds(100);
  Fail(first_, true);  // it gets one batch to show that it is healthy, and is out for twice as long if it is not
  EXPECT_EQ(pool_[first_].paused_until - now_, 2 * pause);
}

TEST_F(ThePool, NeverTakesOutTheLastOneForWhatIsInTheBatches) {
  Fail(other_, false);
  for (int i = 0; i < 100; ++i) Fail(first_, true);
  EXPECT_TRUE(CanBeUsed(first_));
  EXPECT_FALSE(pool_.Unavailable(now_ + seconds(100)));
}

TEST_F(ThePool, OneSuccessEndsARowOfErrors) {
  for (int i = 0; i < 20; ++i) {
    Fail(first_, true);
    if (i % 4 == 3) Serve(first_, 0.01);
    EXPECT_TRUE(CanBeUsed(first_));
  }
}

TEST_F(ThePool, PausesABackendThatIsSlowerThanItsFitAndLearnsNothingFromThat) {
  KnowCostOf(first_);
  const double learned = pool_[first_].cost.Seconds(1, kLength);
  EXPECT_NEAR(learned, 0.01, 0.001);
  Serve(first_, 0.3);
  Serve(first_, 0.3);
  EXPECT_TRUE(CanBeUsed(first_));
  Serve(first_, 0.3);
  EXPECT_FALSE(CanBeUsed(first_));
  EXPECT_EQ(pool_[first_].cost.Seconds(1, kLength), learned);
  // The control: slightly slower is not slow.
  KnowCostOf(other_);
  for (int i = 0; i < 10; ++i) Serve(other_, 0.1);
  EXPECT_TRUE(pool_.HasOther(first_, now_));
}

TEST_F(ThePool, GivesNoBatchToABackendThatIsHeldBackThoughItIsWellAndHasRoom) {
  pool_.HoldBack(first_, true);
  EXPECT_EQ(pool_.FreeSlot(now_), other_);
  pool_.HoldBack(other_, true);
  EXPECT_EQ(pool_.FreeSlot(now_), std::nullopt);
  EXPECT_TRUE(pool_.HasRoom(first_, now_));
  EXPECT_TRUE(CanBeUsed(first_));
  EXPECT_EQ(pool_.UnavailableAt(), kNever);
  EXPECT_EQ(pool_.UsableSlots(now_), 2U);
  pool_.HoldBack(first_, false);
  EXPECT_EQ(pool_.FreeSlot(now_), first_);
}

TEST_F(ThePool, HasRoomUntilItsSlotsAreTakenOrItIsPaused) {
  EXPECT_TRUE(pool_.HasRoom(first_, now_));
  pool_.Started(first_);
  EXPECT_FALSE(pool_.HasRoom(first_, now_));
  pool_.Failed(first_, now_);
  EXPECT_FALSE(pool_.HasRoom(first_, now_));
  EXPECT_TRUE(pool_.HasRoom(first_, pool_[first_].paused_until));
}

TEST_F(ThePool, BelievesInTheEndThatABackendHasBecomeSlower) {
  KnowCostOf(first_);
  for (std::uint32_t i = 0; i < BackendPool::kSlowToBelieve; ++i) {
    now_ = std::max(now_, pool_[first_].paused_until);
    Serve(first_, 0.3);
  }
  EXPECT_TRUE(CanBeUsed(first_));
  for (std::size_t i = 0; i < CostFit::kSamples; ++i) Serve(first_, 0.3);
  EXPECT_TRUE(CanBeUsed(first_));
  EXPECT_NEAR(pool_[first_].cost.Seconds(1, kLength), 0.3, 0.03);
}

TEST_F(ThePool, SlownessOfTheOnlyBackendIsLearned) {
  pool_.Remove(other_);
  KnowCostOf(first_);
  for (std::size_t i = 0; i < 2 * CostFit::kSamples; ++i) Serve(first_, 0.3);
  EXPECT_TRUE(CanBeUsed(first_));
  EXPECT_NEAR(pool_[first_].cost.Seconds(1, kLength), 0.3, 0.03);
}

TEST_F(ThePool, TakesOutABackendAsLongAsItsHealthCheckSaysNo) {
  EXPECT_TRUE(pool_.HealthChecked(first_, HealthReport::kNotServing, now_));
  EXPECT_FALSE(CanBeUsed(first_));
  EXPECT_FALSE(pool_.HealthChecked(first_, HealthReport::kNotServing, now_));
  EXPECT_FALSE(CanBeUsed(first_));
  EXPECT_EQ(pool_.UnavailableAt(), kNever);
  EXPECT_TRUE(pool_.HealthChecked(first_, HealthReport::kServing, now_));
  EXPECT_TRUE(CanBeUsed(first_));
}

TEST_F(ThePool, ForgivesSingleHealthChecksWithoutAnAnswer) {
  for (int i = 0; i < 10; ++i) {
    pool_.HealthChecked(first_, HealthReport::kNoAnswer, now_);
    pool_.HealthChecked(first_, HealthReport::kNoAnswer, now_);
    EXPECT_TRUE(CanBeUsed(first_));
    pool_.HealthChecked(first_, HealthReport::kServing, now_);
  }
  for (int i = 0; i < 3; ++i) pool_.HealthChecked(first_, HealthReport::kNoAnswer, now_);
  EXPECT_FALSE(CanBeUsed(first_));
}

TEST_F(ThePool, IsUnavailableOnceNoneHasBeenWellForASecond) {
  pool_.HealthChecked(first_, HealthReport::kNotServing, now_);
  EXPECT_EQ(pool_.UnavailableAt(), kNever);
  pool_.HealthChecked(other_, HealthReport::kNotServing, now_);
  EXPECT_EQ(pool_.UnavailableAt(), now_ + seconds(1));
  EXPECT_FALSE(pool_.Unavailable(now_));
  EXPECT_TRUE(pool_.Unavailable(now_ + seconds(1)));
  pool_.HealthChecked(other_, HealthReport::kServing, now_);
  EXPECT_FALSE(pool_.Unavailable(now_ + seconds(1)));
}

TEST_F(ThePool, GivesThePlaceOfARemovedBackendAwayOnceItsLastBatchHasEnded) {
  pool_.Started(first_);
  pool_.Remove(first_);
  EXPECT_EQ(pool_.FreeSlot(now_), other_);
  const BackendId third = pool_.Add("third", 1, kCost);
  EXPECT_NE(third, first_);
  pool_.Ended(first_);
  EXPECT_EQ(pool_.Add("fourth", 1, kCost), first_);
  for (int i = 0; i < 1000; ++i) {
    pool_.Remove(first_);
    EXPECT_EQ(pool_.Add("again", 1, kCost), first_);
  }
  EXPECT_EQ(pool_.backends().size(), 3U);
}

TEST_F(ThePool, RemembersWhatItHasLearnedOfABackendThatComesBack) {
  for (std::size_t i = 0; i < CostFit::kSamples; ++i) Serve(first_, 0.04);
  Fail(first_, false);
  pool_.Remove(first_);
  const BackendId again = pool_.Add("first", 2, kCost);
  EXPECT_NEAR(pool_[again].cost.Seconds(1, kLength), 0.04, 0.004);
  EXPECT_TRUE(pool_[again].works());
  EXPECT_EQ(pool_[again].slots, 2U);
}

TEST_F(ThePool, KnowsNoDeadlineThatCannotBeMetIfThereIsNoBackend) {
  pool_.Remove(first_);
  pool_.Remove(other_);
  EXPECT_FALSE(pool_.TakesLonger(kLength, 0));
}

TEST_F(ThePool, IsUnavailableOnceThereHasBeenNoneForASecond) {
  pool_.Remove(first_);
  pool_.CountTimeWithout(now_);
  EXPECT_EQ(pool_.UnavailableAt(), kNever);
  pool_.Remove(other_);
  pool_.CountTimeWithout(now_);
  now_ += milliseconds(10);
  pool_.CountTimeWithout(now_);
  EXPECT_EQ(pool_.UnavailableAt(), now_ + milliseconds(990));
  EXPECT_FALSE(pool_.Unavailable(now_ + milliseconds(989)));
  EXPECT_TRUE(pool_.Unavailable(now_ + milliseconds(990)));
  const BackendId third = pool_.Add("third", 1, kCost);
  EXPECT_FALSE(pool_.Unavailable(now_ + seconds(1000)));
  pool_.Remove(third);
  now_ += seconds(1000);
  pool_.CountTimeWithout(now_);
  EXPECT_FALSE(pool_.Unavailable(now_)) << "the second before does not count";
}

TEST_F(ThePool, MayHaveMoreBatchesRunningThanSlots) {
  pool_.SetSlots(first_, 3);
  for (int i = 0; i < 3; ++i) pool_.Started(first_);
  pool_.Started(other_);
  pool_.SetSlots(first_, 1);
  EXPECT_FALSE(pool_.FreeSlot(now_));
  pool_.Ended(first_);
  pool_.Ended(first_);
  EXPECT_FALSE(pool_.FreeSlot(now_));
  pool_.Ended(first_);
  EXPECT_EQ(pool_.FreeSlot(now_), first_);
}

TEST(ARetryBudget, IsAShareOfWhatIsServedAndABurst) {
  RetryBudget budget;
  int spent = 0;
  while (budget.Spend()) ++spent;
  EXPECT_EQ(spent, RetryBudget::kMost);
  budget.Earn(50, 0.25);
  for (spent = 0; budget.Spend();) ++spent;
  EXPECT_EQ(spent, 12);
  budget.Earn(1'000'000, 0.25);
  for (spent = 0; budget.Spend();) ++spent;
  EXPECT_EQ(spent, RetryBudget::kMost);
}

}  // namespace
}  // namespace smartbatch::scheduling
