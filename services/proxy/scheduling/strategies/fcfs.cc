#include <chrono>
#include <memory>
#include <optional>

#include "services/proxy/scheduling/strategies/strategies.h"

namespace smartbatch::scheduling {
namespace {

// First come, first served.
//
// The batch is the oldest requests, whole, up to the first that does not fit. If it takes all that waits and has seats
// left, it lingers once, for at most `linger`, and is then formed anew in the same way. If the next request does not
// fit the batch leaves at once: later arrivals queue behind that request, so nobody can take the free seats.
//
// Worst wait: the work ahead of the request, and `linger` once if nobody comes to fill the batch. What it is not for:
// mixed lengths, since one long request holds up every short one behind it.
class Fcfs final : public Strategy {
 public:
  Fcfs(const StrategyEnvironment& environment, Duration linger) : pending_(environment.pending), linger_(linger) {}

  void Add(PendingRequest&, bool) override {}
  void Remove(PendingRequest&) override {}

  void Select(const Occasion& occasion, Selection& selection) override {
    PendingRequest* request = pending_.Oldest();
    while (request != nullptr && selection.HasRoomFor(*request)) {
      selection.TakeWaitingOf(*request);
      request = pending_.Younger(*request);
    }
    if (selection.empty()) {
      linger_until_.reset();
      return;
    }
    if (linger_ > Duration::zero() && selection.free_seats() > 0 && request == nullptr) {
      if (!linger_until_) linger_until_ = Later(occasion.now, linger_);
      if (occasion.now < *linger_until_) {
        selection.WaitUntil(*linger_until_);
        return;
      }
    }
    selection.DispatchForOrFull(linger_until_ ? DispatchReason::kLinger : DispatchReason::kSlotFree);
    linger_until_.reset();
  }

 private:
  const PendingSet& pending_;
  const Duration linger_;
  std::optional<Time> linger_until_;
};

}  // namespace

StrategySpecification FcfsSpecification() {
  return {
      "fcfs",
      "First come, first served: the oldest requests up to the first that does not fit. A batch with free seats that "
      "takes all that waits lingers once for more.",
      {{"linger_ms",
        "How long a batch with free seats that takes all that waits lingers for more, in milliseconds; 0 sends it at "
        "once.",
        50, 0, 10'000}},
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        return std::make_unique<Fcfs>(environment, FromSeconds(parameters["linger_ms"] / 1e3));
      },
      [](const Parameters& parameters) {
        return StrategyPromises{.requests = StrategyPromises::Requests::kWhole,
                                .order = StrategyPromises::Order::kOverAll,
                                .linger = FromSeconds(parameters["linger_ms"] / 1e3)};
      },
  };
}

}  // namespace smartbatch::scheduling
