// The slots that run batches.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "common/mutex.h"
#include "common/time.h"

namespace smartbatch::classifier {

enum class BatchEnd {
  kDone,       // it had its whole time
  kCancelled,  // it was removed from the queue or from its slot before that
};

// A batch as the runner sees it. A thread of the runner calls Begin and then End, each once. If a batch is cancelled
// while it waits, the thread that cancels it calls End, without Begin.
class RunnableBatch {
 public:
  virtual ~RunnableBatch() = default;
  // The batch has a slot. Does the work and returns how long the batch holds the slot, the work included.
  // Duration::max() means until it is cancelled.
  virtual Duration Begin() = 0;
  // The batch has ended; `held` is how long it had the slot.
  virtual void End(BatchEnd end, Duration held) = 0;
};

// Runs at most `slots` batches at once; the others wait in the order of Submit. A slot is a thread, so a batch that
// holds one blocks nothing else. Each batch gets its whole time, even if the batch before it took too long. Thread
// safe.
class BatchRunner {
 public:
  // `slots` is at least 1. At most `max_waiting` batches wait.
  BatchRunner(std::size_t slots, std::size_t max_waiting);
  // Cancels all batches and returns when they have ended.
  ~BatchRunner();
  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  // Queues the batch and shares its ownership until it has ended. Returns false, without queuing it, if max_waiting
  // batches wait.
  bool Submit(std::shared_ptr<RunnableBatch> batch);
  // Ends the batch soon, whether it waits or runs. Does nothing if it has ended.
  void Cancel(const RunnableBatch& batch);
  void CancelAll();

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::shared_ptr<RunnableBatch> batch;
    Clock::time_point arrived;
  };
  struct Slot {
    const RunnableBatch* running = nullptr;  // nullptr: the slot is free
    bool cancelled = false;
    std::condition_variable_any wake_up;
  };

  void Work(const std::stop_token& stop, Slot& slot);
  // Moves the first waiting batch into the slot. Returns false if the thread must stop.
  bool Take(const std::stop_token& stop, Slot& slot, Entry& entry);
  // Sleeps until `end` or until the slot's batch is cancelled. Leaves the slot free.
  BatchEnd HoldUntil(Slot& slot, Clock::time_point end);
  static void CancelRunning(Slot& slot);

  const std::size_t max_waiting_;
  Mutex mutex_;
  std::condition_variable_any arrival_;  // an entry was added to waiting_
  std::deque<Entry> waiting_ SMARTBATCH_GUARDED_BY(mutex_);
  std::deque<Slot> slots_;             // the contents are guarded by mutex_
  std::vector<std::jthread> threads_;  // one for each slot; last, so that they end first
};

}  // namespace smartbatch::classifier
