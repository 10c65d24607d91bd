// Memory that was freed goes back to the system.
#pragma once

#include <cstddef>

#include "common/time.h"

namespace smartbatch::program {

// glibc keeps what a program has freed, unless it lies at the end of a heap: after a full queue the process stays as
// large as it was. This class watches how much is kept, and gives it back once it has been much for some seconds.
//
// Not thread safe. malloc may be in use by any thread meanwhile; each heap is locked while its free memory is given
// back, which took 0.1 s for 400 MB.
class HeapTrimmer {
 public:
  // To be called regularly; looks at most once a second.
  void Look(Time now);

 private:
  Time next_look_ = Time::min();
  std::size_t used_at_trim_ = 0;
  std::size_t resident_after_trim_ = 0;
  int looks_with_much_free_ = 0;
};

}  // namespace smartbatch::program
