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

// Holds a batch with free seats for at most a fraction of what it costs, counted from the first time it could have
// left: the added idle time of the backend is at most that fraction of its busy time. Never for longer than kLongest,
// since a cost may be believed that is far from the truth. Not thread safe.
class Hold {
 public:
  static constexpr Duration kLongest = std::chrono::seconds(1);

  explicit Hold(double fraction) : fraction_(fraction) {}

  // Lets what was selected go or, with free seats and nothing else that waits, has it wait for company.
  void DispatchOrWait(const Occasion& occasion, Selection& selection, bool all_that_waits) {
    if (selection.free_seats() > 0 && all_that_waits) {
      if (const auto until = Until(occasion, selection)) return selection.WaitUntil(*until);
    }
    selection.DispatchForOrFull(since_ ? DispatchReason::kHold : DispatchReason::kSlotFree);
    Reset();
  }
  // What could have left has left, or has gone.
  void Reset() { since_.reset(); }

 private:
  // Nothing where the batch should leave now.
  std::optional<Time> Until(const Occasion& occasion, const Selection& selection) {
    if (fraction_ <= 0) return std::nullopt;
    if (!since_) since_ = occasion.now;
    const auto seats = static_cast<std::uint32_t>(selection.members().size());
    const double seconds = fraction_ * occasion.cost.Seconds(seats, selection.longest());
    const Time end = Later(*since_, std::min(FromSeconds(seconds), kLongest));
    if (end <= occasion.now) return std::nullopt;
    return end;
  }

  const double fraction_;
  std::optional<Time> since_;
};

}  // namespace smartbatch::scheduling
