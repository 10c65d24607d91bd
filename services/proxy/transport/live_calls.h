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
    ++entered_;
  }
  void Leave() {
    const MutexLock lock(mutex_);
    --count_;
    fewer_.notify_all();
  }
  // How many have come, those that have gone included.
  std::size_t entered() const {
    const MutexLock lock(mutex_);
    return entered_;
  }
  // Waits until there are no more than `count`; false where there are after that time.
  bool WaitForAtMost(std::size_t count, Duration timeout) {
    const MutexLock lock(mutex_);
    return fewer_.wait_for(mutex_, timeout, [this, count]() SMARTBATCH_REQUIRES(mutex_) { return count_ <= count; });
  }

 private:
  mutable Mutex mutex_;
  std::size_t count_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::size_t entered_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::condition_variable_any fewer_;
};

}  // namespace smartbatch::transport
