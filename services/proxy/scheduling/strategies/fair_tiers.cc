#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>

#include <absl/container/btree_map.h>

#include "services/proxy/scheduling/queue/request_classes.h"
#include "services/proxy/scheduling/strategies/free_riders.h"
#include "services/proxy/scheduling/strategies/strategies.h"

namespace smartbatch::scheduling {
namespace {

// Round robin over the customers within each tier; the tiers share the backend by weight.
//
// Each of the tiers 0 (the highest) to 7 has a share of the backend time: tier_ratio times that of the next lower tier,
// and at least `floor` of the whole. Each tier keeps a virtual time: the cost of the batches chosen for it, over its
// share. The backlogged tier with the smallest virtual time is next (stride scheduling: Waldspurger and Weihl, 1995).
// Within it, the batch takes the oldest requests of the customer whose turn it is, up to the first that does not fit,
// and the turn passes on. The other seats go to whatever adds no cost, from any tier: a lower tier may always ride
// free.
//
// If all tiers are backlogged, tier t gets its share w_t of the backend time, to within one batch. A customer that is
// one of N in its tier waits for at most N batches of its tier, which is about N * c_max / w_t.
class FairTiers final : public Strategy {
 public:
  FairTiers(const StrategyEnvironment& environment, double tier_ratio, double floor)
      : classes_(environment.max_batch_size) {
    double sum = 0;
    for (std::size_t tier = 0; tier < kTiers; ++tier) {
      tiers_[tier].share = std::pow(tier_ratio, -static_cast<double>(tier));
      sum += tiers_[tier].share;
    }
    for (Tier& tier : tiers_) tier.share = std::max(tier.share / sum, floor);
  }

  void Add(PendingRequest& request, bool again) override {
    Customer& customer = *request.customer;
    if (customer.strategy_key == 0) QueueUp(customer, TierOf(customer));
    classes_.Add(request, again);
  }
  void Remove(PendingRequest& request) override {
    classes_.Remove(request);
    Customer& customer = *request.customer;
    if (customer.waiting_requests > 1) return;
    // A reload may have moved the customer to another tier: its turn is in the tier that its key names.
    tiers_[customer.strategy_key % kTiers].turns.erase(customer.strategy_key);
    customer.strategy_key = 0;
  }

  void Select(const Occasion&, Selection& selection) override {
    Tier* next = nullptr;
    for (Tier& tier : tiers_) {
      const bool behind = !tier.turns.empty() && (next == nullptr || tier.virtual_time < next->virtual_time);
      if (behind) next = &tier;
    }
    if (next == nullptr) return;
    chosen_ = next;
    Customer& customer = *next->turns.begin()->second;
    PendingRequest* request = PendingSet::OldestOf(customer);
    while (request != nullptr && selection.HasRoomFor(*request)) {
      selection.TakeWaitingOf(*request);
      request = PendingSet::YoungerOfCustomer(*request);
    }
    const std::uint64_t turn = customer.strategy_key;
    QueueUp(customer, TierOf(customer));
    next->turns.erase(turn);
    FillWithRequests(classes_, selection);
    selection.DispatchForOrFull(DispatchReason::kSlotFree);
  }

  void Dispatched(const Occasion&, const Selection&, double cost_seconds) override {
    chosen_->virtual_time += cost_seconds / chosen_->share;
    now_ = std::max(now_, chosen_->virtual_time - cost_seconds / chosen_->share);
  }

 private:
  static constexpr std::size_t kTiers = 8;
  struct Tier {
    double share = 0;
    double virtual_time = 0;
    absl::btree_map<std::uint64_t, Customer*> turns;
  };

  static std::size_t TierOf(const Customer& customer) {
    return std::min<std::size_t>(customer.policy.tier, kTiers - 1);
  }

  void QueueUp(Customer& customer, std::size_t index) {
    Tier& tier = tiers_[index];
    // An idle tier earns no credit.
    if (tier.turns.empty()) tier.virtual_time = std::max(tier.virtual_time, now_);
    customer.strategy_key = ++last_turn_ * kTiers + index;
    tier.turns.emplace(customer.strategy_key, &customer);
  }

  RequestClasses classes_;
  std::array<Tier, kTiers> tiers_;
  Tier* chosen_ = nullptr;
  // The largest virtual time that a tier had when a batch was chosen for it.
  double now_ = 0;
  std::uint64_t last_turn_ = 0;
};

}  // namespace

StrategySpecification FairTiersSpecification() {
  return {
      "fair_tiers",
      "Round robin over the customers of a priority tier; tiers share the backend by weight with a floor for each, and "
      "what adds no cost always rides along.",
      {
          {"tier_ratio", "The share of a tier over that of the next lower tier.", 4, 1, 100},
          {"floor", "The smallest share of the backend of a tier that has something waiting.", 0.05, 0, 0.125},
      },
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        return std::make_unique<FairTiers>(environment, parameters["tier_ratio"], parameters["floor"]);
      },
      [](const Parameters&) {
        return StrategyPromises{.requests = StrategyPromises::Requests::kWhole,
                                .riders_are_no_longer = true,
                                .shares_between_customers = true};
      },
  };
}

}  // namespace smartbatch::scheduling
