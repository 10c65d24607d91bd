// How many calls there are.
#pragma once

#include <condition_variable>
#include <cstddef>

#include "common/mutex.h"
#include "common/time.h"

namespace smartbatch::transport {

// Thread safe. gRPC tells nobody when its last call has gone, and must not lose its queue before.
class LiveCalls {
 public:
  void Enter() {
    const MutexLock lock(mutex_);
    ++count_;
  }
  void Leave() {
    const MutexLock lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  // False where some are left after that time.
  bool WaitForNone(Duration timeout) {
    const MutexLock lock(mutex_);
    return none_.wait_for(mutex_, timeout, [this]() SMARTBATCH_REQUIRES(mutex_) { return count_ == 0; });
  }

 private:
  Mutex mutex_;
  std::size_t count_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::condition_variable_any none_;
};

}  // namespace smartbatch::transport
