// A count of the open calls of a server.
#pragma once

#include <condition_variable>
#include <cstddef>

#include "common/mutex.h"

namespace smartbatch::rpc {

// Counts the call objects of a server. gRPC does not say when its last call has gone, and what serves the calls must
// outlive all of them. Thread safe.
class OpenCalls {
 public:
  // Counts a call object that now exists, even if it still waits for a caller.
  void Enter() {
    const MutexLock lock(mutex_);
    ++count_;
  }
  // The call object no longer exists.
  void Leave() {
    const MutexLock lock(mutex_);
    --count_;
    if (count_ == 0) none_.notify_all();  // under the lock: afterwards this object may be gone
  }
  std::size_t count() const {
    const MutexLock lock(mutex_);
    return count_;
  }
  // Returns when there is none. Requires: the server has been shut down, and its queue is still served.
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
