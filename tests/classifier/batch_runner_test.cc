#include "services/classifier/batch_runner.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace smartbatch::classifier {
namespace {

using std::chrono::milliseconds;

// Takes a given time and records when it began and how it ended.
class TestBatch final : public RunnableBatch {
 public:
  explicit TestBatch(
      Duration time, std::function<void()> at_begin = [] {})
      : time_(time), at_begin_(std::move(at_begin)) {}

  Duration Begin() override {
    at_begin_();
    began_.set_value();
    return time_;
  }
  void End(BatchEnd end, Duration held) override {
    held_ = held;
    ended_.set_value(end);
  }

  void WaitUntilBegun() { began_.get_future().wait(); }
  BatchEnd WaitUntilEnded() { return ended_.get_future().get(); }
  Duration held() const { return held_; }  // after WaitUntilEnded()

 private:
  const Duration time_;
  const std::function<void()> at_begin_;
  std::promise<void> began_;
  std::promise<BatchEnd> ended_;
  Duration held_{};
};

constexpr Duration kEndless = Duration::max();

TEST(BatchRunner, HoldsASlotForNoLessThanTheBatchsTime) {
  BatchRunner runner(1, 10);
  const auto batch = std::make_shared<TestBatch>(milliseconds(20));
  ASSERT_TRUE(runner.Submit(batch));
  EXPECT_EQ(batch->WaitUntilEnded(), BatchEnd::kDone);
  EXPECT_GE(batch->held(), milliseconds(20));
}

TEST(BatchRunner, RunsInOrderOfArrivalWithOneSlot) {
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::shared_ptr<TestBatch>> batches;
  {
    BatchRunner runner(1, 100);
    for (int i = 0; i < 50; ++i) {
      batches.push_back(std::make_shared<TestBatch>(Duration::zero(), [&, i] {
        const std::lock_guard lock(mutex);
        order.push_back(i);
      }));
      ASSERT_TRUE(runner.Submit(batches.back()));
    }
    for (const auto& batch : batches) EXPECT_EQ(batch->WaitUntilEnded(), BatchEnd::kDone);
  }
  EXPECT_EQ(order.size(), 50U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(BatchRunner, RunsAsManyAtOnceAsItHasSlotsAndNoMore) {
  BatchRunner runner(3, 10);
  std::vector<std::shared_ptr<TestBatch>> batches;
  std::atomic<int> begun = 0;
  for (int i = 0; i < 4; ++i) {
    batches.push_back(std::make_shared<TestBatch>(kEndless, [&] { ++begun; }));
    ASSERT_TRUE(runner.Submit(batches.back()));
  }
  for (int i = 0; i < 3; ++i) batches[static_cast<std::size_t>(i)]->WaitUntilBegun();
  EXPECT_EQ(begun, 3);
  runner.Cancel(*batches[1]);
  EXPECT_EQ(batches[1]->WaitUntilEnded(), BatchEnd::kCancelled);
  batches[3]->WaitUntilBegun();
  runner.CancelAll();
}

TEST(BatchRunner, LetsABatchThatWaitsLeaveTheQueue) {
  BatchRunner runner(1, 10);
  const auto first = std::make_shared<TestBatch>(kEndless);
  const auto second = std::make_shared<TestBatch>(Duration::zero());
  ASSERT_TRUE(runner.Submit(first));
  ASSERT_TRUE(runner.Submit(second));
  first->WaitUntilBegun();
  runner.Cancel(*second);
  EXPECT_EQ(second->WaitUntilEnded(), BatchEnd::kCancelled);
  EXPECT_EQ(second->held(), Duration::zero());
  runner.Cancel(*first);
  EXPECT_EQ(first->WaitUntilEnded(), BatchEnd::kCancelled);
}

TEST(BatchRunner, LetsNoMoreWaitThanItsLimit) {
  BatchRunner runner(1, 2);
  std::vector<std::shared_ptr<TestBatch>> batches;
  for (int i = 0; i < 3; ++i) {  // one in the slot, two that wait
    batches.push_back(std::make_shared<TestBatch>(kEndless));
    EXPECT_TRUE(runner.Submit(batches.back()));
  }
  EXPECT_FALSE(runner.Submit(std::make_shared<TestBatch>(kEndless)));
  batches[0]->WaitUntilBegun();
  EXPECT_FALSE(runner.Submit(std::make_shared<TestBatch>(kEndless)));
  runner.Cancel(*batches[2]);
  batches.push_back(std::make_shared<TestBatch>(kEndless));
  EXPECT_TRUE(runner.Submit(batches.back()));
}

TEST(BatchRunner, EndsWhateverIsLeftWhenItIsDestroyed) {
  const auto running = std::make_shared<TestBatch>(kEndless);
  const auto waiting = std::make_shared<TestBatch>(kEndless);
  {
    BatchRunner runner(1, 10);
    ASSERT_TRUE(runner.Submit(running));
    ASSERT_TRUE(runner.Submit(waiting));
    running->WaitUntilBegun();
  }
  EXPECT_EQ(running->WaitUntilEnded(), BatchEnd::kCancelled);
  EXPECT_EQ(waiting->WaitUntilEnded(), BatchEnd::kCancelled);
}

TEST(BatchRunner, EndsEveryBatchOnceWhenManyThreadsSubmitAndCancel) {
  BatchRunner runner(2, 10'000);
  constexpr int kThreads = 4;
  constexpr int kBatchesEach = 300;
  std::atomic<int> ended = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kBatchesEach; ++i) {
          const auto batch = std::make_shared<TestBatch>(i % 3 == 0 ? kEndless : Duration(1000));
          ASSERT_TRUE(runner.Submit(batch));
          if (i % 3 != 1) runner.Cancel(*batch);
          batch->WaitUntilEnded();  // a second end would throw in set_value
          ++ended;
        }
      });
    }
  }
  EXPECT_EQ(ended, kThreads * kBatchesEach);
}

}  // namespace
}  // namespace smartbatch::classifier
