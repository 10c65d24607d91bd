// Gives freed memory back to the system.
#pragma once

#include <cstddef>

#include "common/time.h"

namespace smartbatch::program {

// Gives freed memory back to the system once much of it has been kept for some seconds. glibc keeps what a program has
// freed unless it lies at the end of a heap, so after a full queue the process would stay as large as it was.
//
// Not thread safe. Other threads may use malloc meanwhile; each heap is locked while its free memory is given back,
// which took 0.1 s for 400 MB.
class HeapTrimmer {
 public:
  // Call it regularly; it looks at most once a second.
  void Look(Time now);

 private:
  Time next_look_ = Time::min();
  std::size_t used_at_trim_ = 0;
  std::size_t resident_after_trim_ = 0;
  int looks_with_much_free_ = 0;
};

}  // namespace smartbatch::program
