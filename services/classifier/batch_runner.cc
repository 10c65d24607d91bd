#include "services/classifier/batch_runner.h"

#include <algorithm>
#include <utility>

#include <sys/prctl.h>

namespace smartbatch::classifier {

BatchRunner::BatchRunner(std::size_t slots, std::size_t max_waiting) : max_waiting_(max_waiting), slots_(slots) {
  for (Slot& slot : slots_) {
    threads_.emplace_back([this, &slot](const std::stop_token& stop) { Work(stop, slot); });
  }
}

BatchRunner::~BatchRunner() {
  for (std::jthread& thread : threads_) thread.request_stop();
  CancelAll();
}

bool BatchRunner::Submit(std::shared_ptr<RunnableBatch> batch) {
  const auto arrived = Clock::now();
  {
    const MutexLock lock(mutex_);
    const auto free = static_cast<std::size_t>(
        std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.running == nullptr; }));
    if (waiting_.size() >= max_waiting_ + free)
      return false;  // the first `free` of those that wait are about to get a slot
    waiting_.push_back({std::move(batch), arrived});
  }
  arrival_.notify_one();
  return true;
}

void BatchRunner::Cancel(const RunnableBatch& batch) {
  std::shared_ptr<RunnableBatch> removed;
  {
    const MutexLock lock(mutex_);
    for (Slot& slot : slots_) {
      if (slot.running == &batch) CancelRunning(slot);
    }
    const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                    [&batch](const Entry& entry) { return entry.batch.get() == &batch; });
    if (found != waiting_.end()) {
      removed = std::move(found->batch);
      waiting_.erase(found);
    }
  }
  if (removed) removed->End(BatchEnd::kCancelled, Duration::zero());
}

void BatchRunner::CancelAll() {
  std::deque<Entry> removed;
  {
    const MutexLock lock(mutex_);
    removed.swap(waiting_);
    for (Slot& slot : slots_) {
      if (slot.running != nullptr) CancelRunning(slot);
    }
  }
  for (const Entry& entry : removed) entry.batch->End(BatchEnd::kCancelled, Duration::zero());
}

void BatchRunner::CancelRunning(Slot& slot) {
  slot.cancelled = true;
  slot.wake_up.notify_one();
}

void BatchRunner::Work(const std::stop_token& stop, Slot& slot) {
  prctl(PR_SET_TIMERSLACK, 1UL);  // nanoseconds; by default Linux may wake this thread 50 microseconds late
  Clock::time_point freed = Clock::now();
  for (Entry entry; Take(stop, slot, entry); entry = {}) {
    // A batch that waited has its slot since the previous batch left it. A batch that did not wait has it since it
    // came.
    const auto began = std::max(freed, entry.arrived);
    const Duration time = entry.batch->Begin();
    const bool endless = time >= Clock::time_point::max() - began;
    const BatchEnd end = HoldUntil(slot, endless ? Clock::time_point::max() : began + time);
    freed = Clock::now();
    entry.batch->End(end, freed - began);
  }
}

bool BatchRunner::Take(const std::stop_token& stop, Slot& slot, Entry& entry) {
  const MutexLock lock(mutex_);
  if (!arrival_.wait(mutex_, stop, [this]() SMARTBATCH_REQUIRES(mutex_) { return !waiting_.empty(); })) return false;
  entry = std::move(waiting_.front());
  waiting_.pop_front();
  slot.running = entry.batch.get();
  slot.cancelled = false;
  return true;
}

BatchEnd BatchRunner::HoldUntil(Slot& slot, Clock::time_point end) {
  const MutexLock lock(mutex_);
  const bool cancelled = slot.wake_up.wait_until(mutex_, end, [&slot] { return slot.cancelled; });
  slot.running = nullptr;
  return cancelled ? BatchEnd::kCancelled : BatchEnd::kDone;
}

}  // namespace smartbatch::classifier
