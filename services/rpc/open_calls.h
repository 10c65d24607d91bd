// How many calls of a server there are.
#pragma once

#include <condition_variable>
#include <cstddef>

#include "common/mutex.h"

namespace smartbatch::rpc {

// gRPC does not say when its last call has gone, and what serves the calls must outlive all of them. Thread safe.
class OpenCalls {
 public:
  // A call object exists, one that waits for its caller included.
  void Enter() {
    const MutexLock lock(mutex_);
    ++count_;
  }
  // It exists no more.
  void Leave() {
    const MutexLock lock(mutex_);
    --count_;
    if (count_ == 0) none_.notify_all();  // under the lock: afterwards this may be gone
  }
  std::size_t count() const {
    const MutexLock lock(mutex_);
    return count_;
  }
  // Returns when there is none. The server has been shut down, and its queue is still served.
  void WaitForNone() {
    const MutexLock lock(mutex_);
    none_.wait(mutex_, [this]() SMARTBATCH_REQUIRES(mutex_) { return count_ == 0; });
  }

 private:
  mutable Mutex mutex_;
  std::size_t count_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::condition_variable_any none_;
};

}  // namespace smartbatch::rpc
