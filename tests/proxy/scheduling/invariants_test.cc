// Every strategy keeps the scheduler's promises through random lives, and the checker notices broken promises.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/support/random_strategy.h"
#include "tests/support/scheduler_driver.h"

namespace smartbatch::test {
namespace {

using scheduling::StrategySpecification;

constexpr std::uint64_t kLives = 40;

class EveryStrategy : public testing::TestWithParam<std::string> {
 protected:
  // Plays lives of this strategy with the given changes to the options; each must end without a violation and with
  // nothing left over.
  void PlayLives(const std::function<void(DriverOptions&)>& change,
                 const std::function<void(SchedulerDriver&)>& check = {}) {
    for (std::uint64_t seed = 1; seed <= kLives; ++seed) {
      Random random(seed);
      DriverOptions options;
      options.seed = seed;
      options.strategy = *scheduling::CheckChoice(WithRandomParameters(*scheduling::FindStrategy(GetParam()), random));
      options.switches = false;
      change(options);
      SchedulerDriver driver(options);
      driver.Play();
      ASSERT_EQ(driver.checker().Summary(), "") << "seed " << seed;
      ASSERT_EQ(driver.checker().unfinished(), 0U) << "seed " << seed;
      if (check) check(driver);
    }
  }
};

TEST_P(EveryStrategy, KeepsEveryPromiseWhileNothingFails) {
  std::uint64_t riders = 0;
  PlayLives(
      [](DriverOptions& options) {
        options.cancels = options.deadlines = options.backend_faults = options.poison = options.crashers = false;
        options.configuration = false;
      },
      [&](SchedulerDriver& driver) { riders += driver.checker().riders(); });
  // Whoever promises something of its riders has some.
  EXPECT_TRUE(riders > 0 || !PromisesOf(*scheduling::FindStrategy(GetParam())).riders_are_no_longer);
}

TEST_P(EveryStrategy, KeepsEveryPromiseThroughCancelsDeadlinesAndBackendsThatFail) {
  PlayLives([](DriverOptions&) {});
}

TEST_P(EveryStrategy, KeepsEveryPromiseThroughSwitchesAtAnyMoment) {
  PlayLives([](DriverOptions& options) { options.switches = true; });
}

TEST_P(EveryStrategy, MixesNoKindsAndKeepsEveryPromiseWithinEach) {
  PlayLives([](DriverOptions& options) {
    options.kinds = 1 + options.seed % 4;
    options.switches = true;
  });
}

TEST_P(EveryStrategy, CutsRequestsThatAreLargerThanABatchAndKeepsEveryPromise) {
  std::uint64_t cut = 0;
  PlayLives(
      [](DriverOptions& options) {
        options.batches_of_a_request = 1 + static_cast<std::uint32_t>(options.seed % 3);
        options.switches = options.seed % 2 == 0;
        options.kinds = options.switches ? 2 : 1;
      },
      [&](SchedulerDriver& driver) { cut += driver.cut_answers(); });
  EXPECT_GT(cut, 500U);
}

TEST_P(EveryStrategy, LetsABadSequenceOfACutRequestHarmOnlyThatRequest) {
  PlayLives(
      [](DriverOptions& options) {
        options.batches_of_a_request = 3;
        options.backend_faults = options.crashers = false;
      },
      [](SchedulerDriver& driver) {
        EXPECT_EQ(driver.innocent_failures(), 0U);
        EXPECT_EQ(driver.poisoned_answers(), 0U);
      });
}

TEST_P(EveryStrategy, EndsEveryRequestWhenTheSchedulerIsClosed) {
  PlayLives([](DriverOptions& options) {
    options.close = true;
    options.events = 200;
  });
}

TEST_P(EveryStrategy, LetsABadSequenceHarmOnlyItsOwnRequest) {
  PlayLives([](DriverOptions& options) { options.backend_faults = options.crashers = false; },
            [](SchedulerDriver& driver) {
              EXPECT_EQ(driver.innocent_failures(), 0U);
              EXPECT_EQ(driver.poisoned_answers(), 0U);
            });
}

TEST_P(EveryStrategy, LetsASequenceThatCrashesBackendsTakeNoOtherAlongAndCrashTwoAtMost) {
  std::uint64_t crashes = 0;
  PlayLives(
      [](DriverOptions& options) {
        options.backend_faults = options.poison = false;
        options.crashers = true;
      },
      [&](SchedulerDriver& driver) {
        EXPECT_EQ(driver.innocent_failures(), 0U);
        EXPECT_EQ(driver.poisoned_answers(), 0U);
        EXPECT_LE(driver.crashes(), 2 * driver.offered_crashers());
        crashes += driver.crashes();
      });
  EXPECT_GT(crashes, 0U);
}

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  for (const StrategySpecification& specification : scheduling::AllStrategies()) names.push_back(specification.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Strategies, EveryStrategy, testing::ValuesIn(StrategyNames()),
                         [](const auto& tested) { return tested.param; });

// --- Controls: a scheduler that lies is caught ---

// Stands between the scheduler and the checker and falsifies one thing.
class Liar final : public scheduling::SchedulerObserver {
 public:
  enum class Lie {
    kLosesARequest,
    kEndsARequestTwice,
    kDropsASequence,
    kServesASequenceTwice,
    kOverfillsABatch,
    kServesTheDead,
    kChargesTooMuch,
    kAnswersTooEarly,
    kCancelsUnasked,
    kForgetsABatch,
    kMiscountsTheDead,
  };
  explicit Liar(Lie lie) : lie_(lie) {}
  void Attach(SchedulerChecker& checker) { checker_ = &checker; }
  bool has_lied() const { return has_lied_; }

  void Rejected(std::string_view customer, std::string_view strategy, scheduling::RejectReason reason) override {
    checker_->Rejected(customer, strategy, reason);
  }
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override {
    checker_->Accepted(customer, request);
  }
  void Ended(const scheduling::Finished& finished) override {
    const bool answered = finished.outcome == scheduling::Outcome::kAnswered;
    if (Due(Lie::kLosesARequest)) return;
    scheduling::Finished told = finished;
    if (answered && Due(Lie::kCancelsUnasked)) told.outcome = scheduling::Outcome::kCancelled;
    if (!answered && Due(Lie::kAnswersTooEarly)) told.outcome = scheduling::Outcome::kAnswered;
    checker_->Ended(told);
    dead_ = finished.id;
    if (Due(Lie::kEndsARequestTwice)) checker_->Ended(told);
  }
  void Dispatched(const scheduling::Batch& batch) override {
    scheduling::Batch told = batch;
    if (Due(Lie::kDropsASequence)) told.members.pop_back();
    if (Due(Lie::kServesASequenceTwice)) told.members.push_back(told.members.front());
    if (dead_ && Due(Lie::kServesTheDead)) told.members.push_back({*dead_, 0, 1});
    if (Due(Lie::kOverfillsABatch)) told.members.insert(told.members.end(), 1000, told.members.front());
    checker_->Dispatched(told);
  }
  void Charged(const scheduling::Customer& customer, std::string_view strategy, double seconds) override {
    checker_->Charged(customer, strategy, Due(Lie::kChargesTooMuch) ? 1.01 * seconds : seconds);
  }
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override {
    if (Due(Lie::kForgetsABatch)) return;
    scheduling::Batch told = batch;
    if (Due(Lie::kMiscountsTheDead)) ++told.dead;
    checker_->BatchEnded(told, took, status);
  }
  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override {
    checker_->BackendAdded(id, backend);
  }
  void BackendRemoved(scheduling::BackendId id) override { checker_->BackendRemoved(id); }
  void BackendSlotsChanged(scheduling::BackendId id, std::uint32_t slots) override {
    checker_->BackendSlotsChanged(id, slots);
  }
  void BackendHeldBack(scheduling::BackendId id, bool held_back) override { checker_->BackendHeldBack(id, held_back); }
  void BackendHealthChanged(scheduling::BackendId id, bool healthy, Time now) override {
    checker_->BackendHealthChanged(id, healthy, now);
  }

 private:
  // Lies once, at the fifth opportunity.
  bool Due(Lie lie) {
    if (lie != lie_ || has_lied_ || ++opportunities_ < 5) return false;
    has_lied_ = true;
    return true;
  }

  const Lie lie_;
  SchedulerChecker* checker_ = nullptr;
  std::optional<scheduling::RequestId> dead_;
  int opportunities_ = 0;
  bool has_lied_ = false;
};

class TheChecker : public testing::TestWithParam<std::pair<std::string, Liar::Lie>> {};

TEST_P(TheChecker, NoticesALiarThat) {
  int lies = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    DriverOptions options;
    options.seed = seed;
    Liar liar(GetParam().second);
    SchedulerDriver driver(options);
    liar.Attach(driver.checker());
    driver.Interpose(&liar);
    driver.Play();
    lies += liar.has_lied() ? 1 : 0;
    EXPECT_EQ(liar.has_lied(), !driver.checker().violations().empty()) << "seed " << seed << "\n"
                                                                       << driver.checker().Summary();
  }
  EXPECT_GT(lies, 10);
}

INSTANTIATE_TEST_SUITE_P(Lies, TheChecker,
                         testing::Values(std::pair("LosesARequest", Liar::Lie::kLosesARequest),
                                         std::pair("EndsARequestTwice", Liar::Lie::kEndsARequestTwice),
                                         std::pair("DropsASequence", Liar::Lie::kDropsASequence),
                                         std::pair("ServesASequenceTwice", Liar::Lie::kServesASequenceTwice),
                                         std::pair("OverfillsABatch", Liar::Lie::kOverfillsABatch),
                                         std::pair("ServesTheDead", Liar::Lie::kServesTheDead),
                                         std::pair("ChargesTooMuch", Liar::Lie::kChargesTooMuch),
                                         std::pair("AnswersTooEarly", Liar::Lie::kAnswersTooEarly),
                                         std::pair("CancelsUnasked", Liar::Lie::kCancelsUnasked),
                                         std::pair("ForgetsABatch", Liar::Lie::kForgetsABatch),
                                         std::pair("MiscountsTheDead", Liar::Lie::kMiscountsTheDead)),
                         [](const auto& lie) { return lie.param.first; });

}  // namespace
}  // namespace smartbatch::test
