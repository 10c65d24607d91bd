#include <cstdint>
#include <memory>
#include <utility>

#include <absl/container/btree_map.h>

#include "services/proxy/scheduling/queue/request_classes.h"
#include "services/proxy/scheduling/strategies/free_riders.h"
#include "services/proxy/scheduling/strategies/strategies.h"

namespace smartbatch::scheduling {
namespace {

// Shortest job first that forgives cost as a request waits, so that none starves.
//
// The next batch is for the request with the smallest cost - age_rate * wait. Every request ages at the same rate, so
// the order of two waiting requests never changes: the key cost + age_rate * arrival is fixed at arrival, and the
// comparison needs no clock (linear aging goes back to Kleinrock's delay-dependent priorities, 1964). A request that
// has waited for max_wait goes first whatever its key. The other seats go to the longest requests that are no longer
// than the first; if riders cost something, they stay empty behind a request that has waited for max_wait.
//
// With the defaults aging does the work, and max_wait is for emergencies: every batch that max_wait takes is for one
// old long request, and if there are many of these the queue grows (docs/STRATEGIES.md has the figures).
//
// Worst wait: max_wait, and then the work that is ahead of the request in order of arrival. Without max_wait, a request
// of cost c can be overtaken only by requests that arrive within c / age_rate of it.
class SjfAging final : public Strategy {
 public:
  SjfAging(const StrategyEnvironment& environment, double age_rate, Duration max_wait)
      : pending_(environment.pending),
        backends_(environment.backends),
        classes_(environment.max_batch_size),
        age_rate_(age_rate),
        max_wait_(max_wait) {}

  void Add(PendingRequest& request, bool again) override {
    const std::uint32_t longest = request.longest_waiting;
    request.strategy_rank = backends_.TypicalCost(longest).CountedSeconds(1, longest) +
                            age_rate_ * ToSeconds(request.arrival.time_since_epoch());
    by_key_.emplace(KeyOf(request), &request);
    classes_.Add(request, again);
  }
  void Remove(PendingRequest& request) override {
    by_key_.erase(KeyOf(request));
    classes_.Remove(request);
  }

  void Select(const Occasion& occasion, Selection& selection) override {
    if (by_key_.empty()) return;
    PendingRequest* const oldest = pending_.Oldest();
    const bool waited_too_long = max_wait_ > Duration::zero() && occasion.now - oldest->arrival >= max_wait_;
    selection.TakeWaitingOf(waited_too_long ? *oldest : *by_key_.begin()->second);
    // Riders that cost something would delay the other requests that have waited too long.
    if (!waited_too_long || occasion.cost.RidersAreFree()) FillWithRequests(classes_, selection);
    if (waited_too_long) {
      selection.DispatchFor(DispatchReason::kMaxWait);
    } else {
      selection.DispatchForOrFull(DispatchReason::kSlotFree);
    }
  }

 private:
  using Key = std::pair<double, std::uint64_t>;
  static Key KeyOf(const PendingRequest& request) { return {request.strategy_rank, request.id.number}; }

  const PendingSet& pending_;
  const BackendPool& backends_;
  RequestClasses classes_;
  absl::btree_map<Key, PendingRequest*> by_key_;
  const double age_rate_;
  const Duration max_wait_;
};

}  // namespace

StrategySpecification SjfAgingSpecification() {
  return {
      "sjf_aging",
      "Shortest job first with starvation prevention: waiting makes a request cheaper, and after max_wait_seconds it "
      "goes "
      "first.",
      {
          {"age_rate", "Seconds of cost that are forgiven for each second of waiting.", 0.05, 0, 100},
          {"max_wait_seconds", "The wait after which a request goes first, in seconds; 0 for none.", 60, 0, 86'400},
      },
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        return std::make_unique<SjfAging>(environment, parameters["age_rate"],
                                          FromSeconds(parameters["max_wait_seconds"]));
      },
      [](const Parameters&) {
        return StrategyPromises{.requests = StrategyPromises::Requests::kWhole, .riders_are_no_longer = true};
      },
  };
}

}  // namespace smartbatch::scheduling
