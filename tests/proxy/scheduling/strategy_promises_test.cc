// What strategies promise in their specifications (StrategyPromises). That each keeps its own is tested through random
// lives in invariants_test.cc; here each promise is broken on purpose, to see that this is noticed.
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/support/scheduler_driver.h"

namespace smartbatch::test {
namespace {

using scheduling::CheckedChoice;
using scheduling::Parameters;
using scheduling::PendingRequest;
using scheduling::PendingSequence;
using scheduling::Selection;
using scheduling::Strategy;
using scheduling::StrategyEnvironment;
using scheduling::StrategyPromises;
using scheduling::StrategySpecification;
using Requests = StrategyPromises::Requests;
using Order = StrategyPromises::Order;

// --- Strategies that keep no promise ---

class WithoutIndex : public Strategy {
 public:
  explicit WithoutIndex(const StrategyEnvironment& environment) : pending_(environment.pending) {}
  static StrategyPromises Promises() { return {}; }
  void Add(PendingRequest&, bool) override {}
  void Remove(PendingRequest&) override {}

 protected:
  const scheduling::PendingSet& pending_;
};

// Every sequence goes alone.
class OneByOne final : public WithoutIndex {
 public:
  using WithoutIndex::WithoutIndex;
  void Select(const scheduling::Occasion&, Selection& selection) override {
    for (PendingSequence& sequence : pending_.Oldest()->sequences) {
      if (!MayBeChosen(sequence)) continue;
      selection.Take(sequence);
      return selection.DispatchForOrFull(scheduling::DispatchReason::kSlotFree);
    }
  }
};

// The oldest, and along with it whatever fits, however long it is.
class AnyRiders final : public WithoutIndex {
 public:
  using WithoutIndex::WithoutIndex;
  void Select(const scheduling::Occasion&, Selection& selection) override {
    selection.TakeWaitingOf(*pending_.Oldest());
    selection.ChoiceIsMade();
    for (PendingRequest* next = pending_.Younger(*pending_.Oldest()); next != nullptr; next = pending_.Younger(*next)) {
      if (selection.HasRoomFor(*next)) selection.TakeWaitingOf(*next);
    }
    selection.DispatchForOrFull(scheduling::DispatchReason::kSlotFree);
  }
};

// Serves what it has not given up.
class GivesUp final : public WithoutIndex {
 public:
  using WithoutIndex::WithoutIndex;
  static StrategyPromises Promises() { return {.gives_up = true}; }
  void Select(const scheduling::Occasion&, Selection& selection) override {
    selection.TakeWaitingOf(*pending_.Oldest());
    selection.DispatchForOrFull(scheduling::DispatchReason::kSlotFree);
  }
  PendingRequest* Hopeless(Time) override { return pending_.waiting_requests() > 3 ? pending_.Oldest() : nullptr; }
};

template <class Made>
CheckedChoice Unregistered() {
  static const StrategySpecification specification{
      "unregistered",
      "For tests.",
      {},
      [](const StrategyEnvironment& environment, const Parameters&) { return std::make_unique<Made>(environment); },
      [](const Parameters&) { return Made::Promises(); }};
  return {&specification, {}};
}

// --- Promises that are broken ---

struct Breach {
  std::string name;
  CheckedChoice breaker;
  // What it is held to, and does not do.
  StrategyPromises promised;
  // What is said then.
  std::string noticed;
};

void PrintTo(const Breach& breach, std::ostream* out) { *out << breach.name; }

CheckedChoice Registered(const std::string& name, const std::map<std::string, std::string>& parameters = {}) {
  return *scheduling::CheckChoice({name, parameters});
}

std::vector<Breach> Breaches() {
  const Duration a_second = std::chrono::seconds(1);
  return {
      {"WholeRequestsAreSplit", Unregistered<OneByOne>(), {.requests = Requests::kWhole}, "splits request"},
      {"UncontendedRequestsAreSplit",
       Unregistered<OneByOne>(),
       {.requests = Requests::kWholeIfUncontended},
       "splits request"},
      {"OneCustomersRequestsOvertake", Registered("sjf"), {.order = Order::kWithinCustomer}, "takes request"},
      {"CustomersOvertake", Registered("fair"), {.order = Order::kOverAll}, "takes request"},
      {"ASlotIsIdleAtOnce", Registered("fcfs"), {}, "stays idle"},
      {"ASlotIsIdleForLongerThanTheLinger",
       Registered("fcfs", {{"linger_ms", "1000"}}),
       {.linger = a_second / 2},
       "stays idle"},
      {"ASlotIsIdleForALargerShare", Registered("density", {{"hold", "1"}}), {.hold = 0.01}, "stays idle"},
      {"RidersAreLonger", Unregistered<AnyRiders>(), {.riders_are_no_longer = true}, "takes one of"},
      {"ARequestIsGivenUp", Unregistered<GivesUp>(), {}, "given up by a strategy that may not"},
  };
}

// Lives of the strategy under these promises.
std::string Play(const CheckedChoice& strategy, const StrategyPromises& promises) {
  std::string summary;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    DriverOptions options;
    options.seed = seed;
    options.switches = false;
    options.strategy = strategy;
    options.promises = promises;
    SchedulerDriver driver(options);
    driver.Play();
    summary += driver.checker().Summary();
  }
  return summary;
}

class APromise : public testing::TestWithParam<Breach> {};

TEST_P(APromise, IsSeenToBeBrokenWhere) {
  const Breach& breach = GetParam();
  EXPECT_NE(Play(breach.breaker, breach.promised).find(breach.noticed), std::string::npos);
  // Whoever does not promise it may do so.
  EXPECT_EQ(Play(breach.breaker, PromisesOf(breach.breaker)), "");
}

INSTANTIATE_TEST_SUITE_P(Breaches, APromise, testing::ValuesIn(Breaches()),
                         [](const auto& breach) { return breach.param.name; });

// --- Sharing between customers ---

// A hog has that many requests waiting, and a second customer comes with one: the batches that leave before its batch.
int BatchesBeforeTheSecondCustomer(const CheckedChoice& strategy, int hogs_requests) {
  scheduling::SchedulerOptions options;
  options.learn_costs = false;
  options.max_queued_requests = options.max_queued_requests_per_customer = 10'000;
  options.max_queued_cost = options.max_queued_cost_per_customer = kNoCostLimit;
  auto scheduler = *scheduling::Scheduler::Create(options, strategy, nullptr);
  scheduler->AddBackend("backend", 1, {});
  Time now{};
  scheduling::Effects effects;
  const auto offer = [&](const char* customer, const std::vector<std::uint32_t>& lengths) {
    return std::get<scheduling::RequestId>(
        scheduler->Offer({.customer = customer, .lengths = lengths, .deadline = kNever}, now, effects));
  };
  for (int i = 0; i < hogs_requests; ++i) offer("hog", {100, 100, 100, 100, 100});
  scheduling::RequestId second;
  for (int batches = -20;; ++batches) {
    if (batches == 0) second = offer("second", {100});
    scheduling::Step step = scheduler->Next(now);
    while (const auto* const wait = std::get_if<scheduling::AskAgainAt>(&step)) {
      now = wait->time;
      step = scheduler->Next(now);
    }
    const auto& batch = std::get<scheduling::Batch>(step);
    for (const scheduling::BatchMember& member : batch.members) {
      if (batches >= 0 && member.request == second) return batches;
    }
    now = Later(now, FromSeconds(batch.predicted_seconds));
    scheduler->Complete(batch.id, absl::OkStatus(), now, effects);
  }
}

class EveryStrategyThatShares : public testing::TestWithParam<std::string> {};

TEST_P(EveryStrategyThatShares, LetsNobodyWaitForAllThatAnotherCustomerHasSent) {
  const int few = BatchesBeforeTheSecondCustomer(Registered(GetParam()), 200);
  EXPECT_EQ(BatchesBeforeTheSecondCustomer(Registered(GetParam()), 2000), few);
  EXPECT_LT(few, 100);
}

std::vector<std::string> ThoseThatShare() {
  std::vector<std::string> names;
  for (const StrategySpecification& specification : scheduling::AllStrategies()) {
    if (PromisesOf(specification).shares_between_customers) names.push_back(specification.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Strategies, EveryStrategyThatShares, testing::ValuesIn(ThoseThatShare()),
                         [](const auto& tested) { return tested.param; });

// The control.
TEST(Fcfs, LetsASecondCustomerWaitForAllThatAHogHasSent) {
  EXPECT_EQ(BatchesBeforeTheSecondCustomer(Registered("fcfs"), 200), 180);
  EXPECT_EQ(BatchesBeforeTheSecondCustomer(Registered("fcfs"), 2000), 1980);
}

}  // namespace
}  // namespace smartbatch::test
