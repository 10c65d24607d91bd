// A mutex that clang's thread-safety analysis understands (-Wthread-safety). It wraps std::mutex, which
// ThreadSanitizer knows too; absl::Mutex as Debian builds it is not instrumented.
//
//   smartbatch::Mutex mutex_;
//   int count_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
//   { const smartbatch::MutexLock lock(mutex_); ++count_; }
//
// To wait, pass the mutex itself to a std::condition_variable_any while it is held.
#pragma once

#include <mutex>

#if defined(__clang__)
#define SMARTBATCH_THREAD_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define SMARTBATCH_THREAD_ATTRIBUTE(attribute)
#endif

// The variable is read and written only while the mutex is held.
#define SMARTBATCH_GUARDED_BY(mutex) SMARTBATCH_THREAD_ATTRIBUTE(guarded_by(mutex))
// What the pointer points to is read and written only while the mutex is held.
#define SMARTBATCH_POINTEE_GUARDED_BY(mutex) SMARTBATCH_THREAD_ATTRIBUTE(pt_guarded_by(mutex))
// The caller of the function must hold the mutex (REQUIRES); must not hold it (EXCLUDES).
#define SMARTBATCH_REQUIRES(mutex) SMARTBATCH_THREAD_ATTRIBUTE(requires_capability(mutex))
#define SMARTBATCH_EXCLUDES(mutex) SMARTBATCH_THREAD_ATTRIBUTE(locks_excluded(mutex))
// An object of the class holds a mutex as long as it lives: its constructor acquires it, its destructor releases it.
#define SMARTBATCH_SCOPED_LOCK SMARTBATCH_THREAD_ATTRIBUTE(scoped_lockable)
#define SMARTBATCH_ACQUIRES(mutex) SMARTBATCH_THREAD_ATTRIBUTE(acquire_capability(mutex))
#define SMARTBATCH_RELEASES SMARTBATCH_THREAD_ATTRIBUTE(release_capability())
// The body of the function is not analyzed; a comment says why.
#define SMARTBATCH_NOT_ANALYZED SMARTBATCH_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace smartbatch {

class SMARTBATCH_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() SMARTBATCH_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() SMARTBATCH_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  bool try_lock() SMARTBATCH_THREAD_ATTRIBUTE(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

// Holds the mutex for as long as it lives.
class SMARTBATCH_SCOPED_LOCK MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SMARTBATCH_ACQUIRES(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() SMARTBATCH_RELEASES { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace smartbatch
