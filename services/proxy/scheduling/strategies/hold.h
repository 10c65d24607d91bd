// A short wait for company while seats are free.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "common/time.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::scheduling {

// Holds back a batch that has free seats, for at most a fraction of its cost, counted from the moment at which it could
// first have left. So the idle time added to the backend is at most that fraction of its busy time. No hold is longer
// than kLongest, since the cost may be a bad estimate. Thread safety: none.
class Hold {
 public:
  static constexpr Duration kLongest = std::chrono::seconds(1);

  explicit Hold(double fraction) : fraction_(fraction) {}

  // Dispatches what was selected; if seats are free and nothing else waits, has it wait for company first.
  void DispatchOrWait(const Occasion& occasion, Selection& selection, bool all_that_waits) {
    if (selection.free_seats() > 0 && all_that_waits) {
      if (const auto until = Until(occasion, selection)) return selection.WaitUntil(*until);
    }
    selection.DispatchForOrFull(since_ ? DispatchReason::kHold : DispatchReason::kSlotFree);
    Reset();
  }
  // What was held has left, or has ended.
  void Reset() { since_.reset(); }

 private:
  // Nothing if the batch should leave now.
  std::optional<Time> Until(const Occasion& occasion, const Selection& selection) {
    if (fraction_ <= 0) return std::nullopt;
    if (!since_) since_ = occasion.now;
    const auto seats = static_cast<std::uint32_t>(selection.members().size());
    const double seconds = fraction_ * occasion.CountedSeconds(seats, selection.longest());
    const Time end = Later(*since_, std::min(FromSeconds(seconds), kLongest));
    if (end <= occasion.now) return std::nullopt;
    return end;
  }

  const double fraction_;
  std::optional<Time> since_;
};

}  // namespace smartbatch::scheduling
