#include <memory>
#include <string_view>

#include "services/proxy/scheduling/strategies/advised_strategy.h"
#include "services/proxy/scheduling/strategies/strategies.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::scheduling {
namespace {

constexpr std::string_view kAtFirst = "density";

// Leaves the choice to whichever other strategy would have served the recent past best.
//
// This strategy passes everything that it is told on to the strategy that it follows: kAtFirst until it is advised. The
// advice comes from outside the core, which has no time for it. The arrivals of the last window_seconds are replayed
// through the simulator under every other strategy that gives no request up, and the results are remembered for
// memory_seconds. Once another strategy has a material gain, and min_dwell_seconds have passed since the last switch,
// Scheduler::Follow is called. See simulation/advisor.h; portfolio scheduling by simulation: Deng et al., "A Periodic
// Portfolio Scheduler for Scientific Computing in the Data Center", 2013. The bounds are those of the strategy
// followed.
class Adaptive final : public AdvisedStrategy {
 public:
  explicit Adaptive(const StrategyEnvironment& environment) : environment_(environment) {
    Make(*FindStrategy(kAtFirst));
  }

  void Add(PendingRequest& request, bool again) override { followed_->Add(request, again); }
  void Remove(PendingRequest& request) override { followed_->Remove(request); }
  void BeforeSplit(PendingRequest& request) override { followed_->BeforeSplit(request); }
  void AfterSplit(PendingRequest& request) override { followed_->AfterSplit(request); }
  void Select(const Occasion& occasion, Selection& selection) override { followed_->Select(occasion, selection); }
  void Dispatched(const Occasion& occasion, const Selection& selection, double cost_seconds) override {
    followed_->Dispatched(occasion, selection, cost_seconds);
  }

  LagAllowance lag_allowance() const override { return followed_->lag_allowance(); }

  const StrategySpecification& followed() const override { return *specification_; }
  bool Follow(const StrategySpecification& specification) override {
    if (!MayBeFollowed(specification)) return false;
    if (&specification == specification_) return true;
    Make(specification);
    TellOfEverything(environment_.pending, *followed_);
    return true;
  }

 private:
  void Make(const StrategySpecification& specification) {
    // The destructor of the old strategy unlinks everything.
    followed_.reset();
    specification_ = &specification;
    followed_ = specification.make(environment_, *ParseParameters(specification, {}));
  }

  const StrategyEnvironment environment_;
  const StrategySpecification* specification_ = nullptr;
  std::unique_ptr<Strategy> followed_;
};

}  // namespace

StrategySpecification AdaptiveSpecification() {
  using Kind = ParameterSpecification::Kind;
  return {
      "adaptive",
      "Follows the strategy that would have served the last minutes of real arrivals best, found by replaying them "
      "through the simulator.",
      {
          {"objective",
           "What to minimize: the mean, the 99th percentile, that of the worst customer, the gap between the "
           "customers' counters, or the share of the requests that is later than its deadline or, without one, its "
           "customer's latency objective (on_time).",
           0,
           0,
           4,
           Kind::kChoice,
           {"mean", "p99", "worst_customer_p99", "fairness", "on_time"}},
          {"window_seconds", "How much of the past is replayed, in seconds.", 120, 5, 3600},
          {"memory_seconds",
           "How long the results of earlier replays count, in seconds: objectives are averaged over them, but of gaps "
           "the largest counts; 0 judges by the last window alone.",
           1800, 0, 86'400},
          {"interval_seconds", "The time between two replays, in seconds.", 15, 1, 3600},
          {"min_dwell_seconds", "The shortest time between two switches, in seconds.", 60, 0, 86'400},
          {"min_gain",
           "The smallest gain that is worth a switch, as a share of the objective; it must also be more than two "
           "batches account for.",
           0.1, 0, 1},
      },
      [](const StrategyEnvironment& environment, const Parameters&) -> std::unique_ptr<Strategy> {
        return std::make_unique<Adaptive>(environment);
      },
      // The promises of the strategy that it follows at first.
      [](const Parameters&) { return PromisesOf(*FindStrategy(kAtFirst)); },
      /*takes_advice=*/true,
  };
}

}  // namespace smartbatch::scheduling
