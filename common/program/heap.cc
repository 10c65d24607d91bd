#include "common/program/heap.h"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

namespace smartbatch::program {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};
// Giving back less than this is not worth the time.
constexpr std::size_t kMuch = 32U << 20U;
constexpr std::size_t kSmall = 64U << 20U;
constexpr int kLooksUntilTrim = 2;

std::size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  std::size_t resident_pages = 0;
  file >> pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void HeapTrimmer::Look(Time now) {
  if (now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  const std::size_t resident = ResidentBytes();
  if (resident < kSmall) return;
  // This walks the free lists, which takes a millisecond if they are long.
  const struct mallinfo2 heap = mallinfo2();
  const std::size_t used = heap.uordblks + heap.hblkhd;
  const bool much_is_free = resident > used + used / 4 + kMuch;
  // What a trim could not give back cannot be given back until more is freed.
  const bool changed = resident > resident_after_trim_ + kMuch || used + kMuch < used_at_trim_;
  looks_with_much_free_ = much_is_free && changed ? looks_with_much_free_ + 1 : 0;
  if (looks_with_much_free_ < kLooksUntilTrim) return;
  looks_with_much_free_ = 0;
  malloc_trim(0);
  used_at_trim_ = used;
  resident_after_trim_ = ResidentBytes();
}

}  // namespace smartbatch::program
