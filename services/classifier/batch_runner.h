// The slots in which batches run.
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
  kDone,       // it had its time
  kCancelled,  // it was taken out of the queue or out of its slot before
};

// A batch as the runner sees it. Both are called once at most, Begin before End, from a thread of the runner; only a
// batch that is cancelled while it waits gets its End, without Begin, from the thread that cancels.
class Batch {
 public:
  virtual ~Batch() = default;
  // The batch has a slot. Does the work and answers how long the batch holds the slot, the work included;
  // Duration::max() means until it is cancelled.
  virtual Duration Begin() = 0;
  // The batch has left; `held` is how long it had the slot.
  virtual void End(BatchEnd end, Duration held) = 0;
};

// Runs at most `slots` batches at once; the others wait in the order of Submit. A slot is a thread, so a batch that
// holds one blocks nobody else. What a batch's predecessor took too long is not made up for: each batch has its whole
// time. Thread safe.
class BatchRunner {
 public:
  // slots >= 1. No more than `max_waiting` batches wait.
  BatchRunner(std::size_t slots, std::size_t max_waiting);
  // Cancels what is left and returns when all of it has ended.
  ~BatchRunner();
  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  // Takes a share of the batch until it has ended; false, and nothing is taken, where max_waiting batches wait.
  bool Submit(std::shared_ptr<Batch> batch);
  // Ends the batch soon, wherever it is; one that has ended is left alone.
  void Cancel(const Batch& batch);
  void CancelAll();

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry {
    std::shared_ptr<Batch> batch;
    Clock::time_point arrived;
  };
  struct Slot {
    const Batch* running = nullptr;  // nullptr: the slot is free
    bool cancelled = false;
    std::condition_variable_any wake_up;
  };

  void Work(const std::stop_token& stop, Slot& slot);
  // Takes the first batch that waits into the slot. False: stop.
  bool Take(const std::stop_token& stop, Slot& slot, Entry& entry);
  // Sleeps until then or until the slot's batch is cancelled; leaves the slot free.
  BatchEnd HoldUntil(Slot& slot, Clock::time_point end);
  static void CancelRunning(Slot& slot);

  const std::size_t max_waiting_;
  Mutex mutex_;
  std::condition_variable_any arrival_;  // of an entry in waiting_
  std::deque<Entry> waiting_ SMARTBATCH_GUARDED_BY(mutex_);
  std::deque<Slot> slots_;             // the contents are guarded by mutex_
  std::vector<std::jthread> threads_;  // one for each slot; last, so that they end first
};

}  // namespace smartbatch::classifier
