#include <cstdint>
#include <memory>

#include <absl/container/btree_map.h>

#include "services/proxy/scheduling/strategies/strategies.h"

namespace smartbatch::scheduling {
namespace {

// Round robin over the customers that have requests waiting.
//
// The customer whose turn it is fills the batch from its own queue in order of arrival, then the next customers do,
// each up to its first request that does not fit. The turn passes on with every batch. A customer that comes back is
// last in the round.
//
// With N backlogged customers each has the first seats of at least every N-th batch. Batches are shared evenly, their
// cost is not: a customer with long sequences gets more of the backend's time than a customer with short ones.
class Fair final : public Strategy {
 public:
  void Add(PendingRequest& request, bool) override {
    Customer& customer = *request.customer;
    if (customer.strategy_key == 0) QueueUp(customer);
  }
  void Remove(PendingRequest& request) override {
    Customer& customer = *request.customer;
    if (customer.waiting_requests > 1) return;
    turns_.erase(customer.strategy_key);
    customer.strategy_key = 0;
  }

  void Select(const Occasion&, Selection& selection) override {
    int looked_at = 0;
    for (auto turn = turns_.begin(); turn != turns_.end() && selection.free_seats() > 0; ++turn) {
      if (++looked_at > kMostCustomersLookedAt) break;
      PendingRequest* request = PendingSet::OldestOf(*turn->second);
      while (request != nullptr && selection.HasRoomFor(*request)) {
        selection.TakeWaitingOf(*request);
        request = PendingSet::YoungerOfCustomer(*request);
      }
    }
    if (selection.empty()) return;
    Customer& first = *turns_.begin()->second;
    turns_.erase(turns_.begin());
    QueueUp(first);
    selection.DispatchForOrFull(DispatchReason::kSlotFree);
  }

 private:
  // Bounds a decision when thousands of customers wait with requests that do not fit into the last free seat.
  static constexpr int kMostCustomersLookedAt = 256;

  void QueueUp(Customer& customer) {
    customer.strategy_key = ++last_turn_;
    turns_.emplace(customer.strategy_key, &customer);
  }

  absl::btree_map<std::uint64_t, Customer*> turns_;
  std::uint64_t last_turn_ = 0;
};

}  // namespace

StrategySpecification FairSpecification() {
  return {
      "fair",
      "Round robin over the customers: the one whose turn it is fills the batch from its own queue, the others fill "
      "the rest.",
      {},
      [](const StrategyEnvironment&, const Parameters&) -> std::unique_ptr<Strategy> {
        return std::make_unique<Fair>();
      },
      [](const Parameters&) {
        return StrategyPromises{.requests = StrategyPromises::Requests::kWhole,
                                .order = StrategyPromises::Order::kWithinCustomer,
                                .shares_between_customers = true};
      },
  };
}

}  // namespace smartbatch::scheduling
