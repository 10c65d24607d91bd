// A caller that is refused for lack of room is told a time, and gets in if it comes back then: simulated callers that
// come back when they are told to.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// 16 ms for a sequence of 128 characters; a sequence beside a longer one rides free.
constexpr CostModel kAsBelieved{.fixed = 0, .quadratic = 1e-6, .per_sequence = 0, .per_character = 0};

struct Caller {
  std::string customer;
  std::vector<std::uint32_t> lengths;
  Time comes{};
  // The outcome.
  int refusals = 0;
  bool answered = false;
  Duration told{};  // what the first refusal told it
  Time ended{};
};

struct World {
  SchedulerOptions options;
  std::string strategy = "fcfs";
  std::uint32_t slots = 1;
  CostModel believed = kAsBelieved;
  CostModel real = kAsBelieved;
  // How much longer or shorter a batch may take, as a share.
  double noise = 0;
  // How late callers come, at most.
  Duration late{};
  // The share of callers who come back at all.
  double obey = 1;
  // How long a caller waits, instead of what it is told.
  std::function<Duration(Duration told)> rule;
  std::uint64_t seed = 1;
};

class Simulation {
 public:
  Simulation(World world, std::vector<Caller> callers)
      : world_(std::move(world)), callers_(std::move(callers)), random_(world_.seed) {
    scheduler_ = *Scheduler::Create(world_.options, {world_.strategy, {}}, nullptr);
    scheduler_->AddBackend("backend", world_.slots, world_.believed);
    for (std::size_t i = 0; i < callers_.size(); ++i) At(callers_[i].comes, [this, i] { Come(i); });
  }

  void Run() {
    while (!events_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.time;
      event.what();
      Effects effects;
      scheduler_->Tick(now_, effects);
      TakeEffects(effects);
      Send();
    }
  }

  const std::vector<Caller>& callers() const { return callers_; }
  std::size_t refused() const {
    return static_cast<std::size_t>(
        std::count_if(callers_.begin(), callers_.end(), [](const Caller& caller) { return caller.refusals > 0; }));
  }
  // The share of the refused callers that got in at their first retry.
  double kept() const {
    const auto kept = std::count_if(callers_.begin(), callers_.end(),
                                    [](const Caller& caller) { return caller.refusals == 1 && caller.answered; });
    return refused() == 0 ? 1 : static_cast<double>(kept) / static_cast<double>(refused());
  }
  int most_refusals() const {
    int most = 0;
    for (const Caller& caller : callers_) most = std::max(most, caller.refusals);
    return most;
  }
  std::size_t unanswered() const {
    return static_cast<std::size_t>(
        std::count_if(callers_.begin(), callers_.end(), [](const Caller& caller) { return !caller.answered; }));
  }
  // What the last refused caller was told.
  Duration told_last() const {
    const auto last =
        std::find_if(callers_.rbegin(), callers_.rend(), [](const Caller& caller) { return caller.refusals > 0; });
    return last == callers_.rend() ? Duration::zero() : last->told;
  }
  Time ended() const {
    Time last{};
    for (const Caller& caller : callers_) last = std::max(last, caller.ended);
    return last;
  }
  Duration busy() const { return busy_; }

 private:
  static constexpr int kMostTries = 200;
  struct Event {
    Time time{};
    std::uint64_t number = 0;
    std::function<void()> what;
    friend bool operator<(const Event& left, const Event& right) {
      return left.time != right.time ? left.time > right.time : left.number > right.number;
    }
  };

  void At(Time time, std::function<void()> what) { events_.push({time, ++numbers_, std::move(what)}); }

  void Come(std::size_t number) {
    Caller& caller = callers_[number];
    Effects effects;
    const auto answer = scheduler_->Offer(
        {.customer = caller.customer, .lengths = caller.lengths, .deadline = kNever, .bytes = 100}, now_, effects);
    TakeEffects(effects);
    if (const auto* const id = std::get_if<RequestId>(&answer)) {
      live_[id->number] = number;
    } else {
      Refused(number, std::get<Rejection>(answer).retry_after);
    }
  }

  void Refused(std::size_t number, Duration told) {
    Caller& caller = callers_[number];
    if (caller.refusals++ == 0) caller.told = told;
    if (caller.refusals > kMostTries || !random_.Chance(world_.obey)) return;
    Duration wait = world_.rule ? world_.rule(told) : told;
    if (world_.late > Duration::zero()) wait += Duration(random_.Between(0, world_.late.count()));
    At(now_ + wait, [this, number] { Come(number); });
  }

  void TakeEffects(const Effects& effects) {
    for (const Finished& finished : effects.finished) {
      const std::size_t number = live_.at(finished.id.number);
      live_.erase(finished.id.number);
      if (finished.outcome == Outcome::kShed) {
        Refused(number, finished.retry_after);
      } else {
        callers_[number].answered = finished.outcome == Outcome::kAnswered;
        callers_[number].ended = now_;
      }
    }
  }

  void Send() {
    while (true) {
      Step step = scheduler_->Next(now_);
      if (const auto* const again = std::get_if<AskAgainAt>(&step)) {
        if (again->time > now_) At(again->time, [] {});
        return;
      }
      if (std::holds_alternative<Nothing>(step)) return;
      const Batch& batch = std::get<Batch>(step);
      double takes = world_.real.Seconds(static_cast<std::uint32_t>(batch.members.size()), batch.longest);
      takes *= 1 + world_.noise * (2 * random_.Uniform() - 1);
      busy_ += FromSeconds(takes);
      At(now_ + FromSeconds(takes), [this, id = batch.id] {
        Effects effects;
        scheduler_->Complete(id, absl::OkStatus(), now_, effects);
        TakeEffects(effects);
      });
    }
  }

  const World world_;
  std::vector<Caller> callers_;
  Random random_;
  std::unique_ptr<Scheduler> scheduler_;
  std::priority_queue<Event> events_;
  std::uint64_t numbers_ = 0;
  std::map<std::uint64_t, std::size_t> live_;
  Time now_{seconds(1000)};
  Duration busy_{};
};

constexpr Time kStart{seconds(1000)};
// This share of the callers that obey must get in at their first retry.
constexpr double kPromised = 0.9;
// If the requests differ much, more of forty callers that are refused together may find the queue full once.
constexpr double kPromisedAtWorst = 0.7;

World Limited(std::uint64_t requests, const std::string& strategy) {
  World world;
  world.options.max_queued_requests = requests;
  world.strategy = strategy;
  return world;
}

std::vector<Caller> AtOnce(int count, Random& random, std::uint32_t shortest, std::uint32_t longest,
                           Time when = kStart) {
  std::vector<Caller> callers;
  for (int i = 0; i < count; ++i) {
    callers.push_back(
        {.customer = "a", .lengths = {static_cast<std::uint32_t>(random.Between(shortest, longest))}, .comes = when});
  }
  return callers;
}

// Callers of some customers at random moments: `rate` times as much work as one slot can do in batches of five equal
// sequences.
std::vector<Caller> Stream(double rate, double for_seconds, int customers, Random& random, std::uint32_t shortest,
                           std::uint32_t longest) {
  constexpr double kBatchSize = 5;
  const double cost = kAsBelieved.Alone((shortest + longest) / 2);
  std::vector<Caller> callers;
  double at = 0;
  while ((at += random.Exponential(cost / kBatchSize / rate)) < for_seconds) {
    callers.push_back({.customer = "c" + std::to_string(random.Between(1, customers)),
                       .lengths = {static_cast<std::uint32_t>(random.Between(shortest, longest))},
                       .comes = kStart + FromSeconds(at)});
  }
  return callers;
}

// The old rule: the time in which the last tenth of the queue was answered, the same for all, and 1 ms at the start.
Duration AsItWas(Duration answer, std::uint64_t limit) {
  return std::max<Duration>(answer * static_cast<std::int64_t>(1 + limit / 10), milliseconds(1));
}

class RetryAfter : public testing::TestWithParam<const char*> {
 protected:
  static constexpr std::uint64_t kSeeds = 5;

  // Plays the callers that `callers` makes from the random numbers of each seed; the promise must hold.
  void ExpectKept(const World& world, const std::function<std::vector<Caller>(Random&)>& callers) {
    double refused = 0;
    double kept = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      Random random(seed);
      World seeded = world;
      seeded.seed = seed;
      Simulation simulation(seeded, callers(random));
      simulation.Run();
      EXPECT_GE(simulation.refused(), 20U);
      refused += static_cast<double>(simulation.refused());
      kept += simulation.kept() * static_cast<double>(simulation.refused());
      EXPECT_GE(simulation.kept(), kPromisedAtWorst)
          << "seed " << seed << ", of " << simulation.refused() << " refused";
      EXPECT_EQ(simulation.unanswered(), 0U) << "seed " << seed;
      // Places are not given away too late either: the slot is rarely idle.
      idle_ = std::max(idle_, ToSeconds(simulation.ended() - kStart) / (ToSeconds(simulation.busy()) / world.slots));
    }
    EXPECT_GE(kept / refused, kPromised);
  }
  // If callers wait by the old rule instead, the promise is broken.
  void ExpectBrokenByTheOldRule(World world, const std::vector<Caller>& callers, Duration answer) {
    const std::uint64_t limit = world.options.max_queued_requests;
    world.rule = [answer, limit](Duration) { return AsItWas(answer, limit); };
    Simulation simulation(world, callers);
    simulation.Run();
    EXPECT_LT(simulation.kept(), 0.5);
    EXPECT_GT(simulation.most_refusals(), 4);
  }

  // The time it took divided by the least possible time, in the worst case.
  double idle_ = 0;
};

TEST_P(RetryAfter, IsKeptToFortyOfSixtyAtOnceOnAFreshProxyWithBatchesOfASecond) {
  const World world = Limited(20, GetParam());
  ExpectKept(world, [](Random& random) { return AtOnce(60, random, 1000, 1000); });
  EXPECT_LT(idle_, 1.4);
  Random random(1);
  ExpectBrokenByTheOldRule(world, AtOnce(60, random, 1000, 1000), Duration::zero());
}

// The configuration says nothing about costs, and the default is a million times too low.
TEST_P(RetryAfter, IsKeptOnAFreshProxyThatKnowsNothingOfItsCosts) {
  World world = Limited(20, GetParam());
  world.real = {.fixed = 1, .quadratic = 0, .per_sequence = 0, .per_character = 0};
  ExpectKept(world, [](Random& random) { return AtOnce(60, random, 1, 1); });
  // It has served a few requests of another length.
  ExpectKept(world, [](Random& random) {
    std::vector<Caller> callers = AtOnce(60, random, 9, 10, kStart + seconds(10));
    for (int i = 0; i < 3; ++i) callers.push_back({.customer = "a", .lengths = {1}, .comes = kStart + seconds(2 * i)});
    return callers;
  });
}

TEST_P(RetryAfter, IsKeptToACrowdThatComesToAProxyThatHadLittleToDo) {
  const World world = Limited(20, GetParam());
  const auto callers = [](Random& random) {
    std::vector<Caller> all = Stream(0.3, 20, 1, random, 100, 400);
    for (Caller& caller : AtOnce(60, random, 100, 400, kStart + seconds(25))) all.push_back(std::move(caller));
    return all;
  };
  ExpectKept(world, callers);
  Random random(1);
  // It has seen an answer about every 20 ms.
  ExpectBrokenByTheOldRule(world, AtOnce(60, random, 400, 400), milliseconds(20));
}

TEST_P(RetryAfter, IsKeptIfCostsDifferAHundredfold) {
  ExpectKept(Limited(20, GetParam()), [](Random& random) { return AtOnce(60, random, 200, 2000); });
}

// Callers that come for the first time take no place from those that come back.
TEST_P(RetryAfter, IsKeptUnderSteadyOverloadToCallersWhoAreLate) {
  World world = Limited(100, GetParam());
  world.noise = 0.1;
  world.late = milliseconds(30);
  ExpectKept(world, [](Random& random) { return Stream(1.5, 20, 1, random, 270, 330); });
  EXPECT_LT(idle_, 1.25);
  world.slots = 4;
  world.options.max_queued_requests = 200;
  ExpectKept(world, [](Random& random) { return Stream(4 * 1.5, 10, 1, random, 270, 330); });
}

TEST_P(RetryAfter, IsKeptUnderSteadyOverloadByManyCustomers) {
  World world = Limited(100, GetParam());
  world.noise = 0.1;
  world.late = milliseconds(30);
  ExpectKept(world, [](Random& random) { return Stream(1.5, 20, 6, random, 270, 330); });
}

// Nothing tells one request from another, so they are all told to come at the same time.
TEST_P(RetryAfter, IsKeptUnderSteadyOverloadByRequestsThatAreAllTheSame) {
  World world = Limited(100, GetParam());
  world.noise = 0.1;
  world.late = milliseconds(2);
  ExpectKept(world, [](Random& random) { return Stream(1.5, 10, 1, random, 128, 128); });
}

TEST_P(RetryAfter, IsKeptByRequestsThatAreLargerThanABatch) {
  // On a fresh proxy, which has only its belief to go by.
  ExpectKept(Limited(20, GetParam()), [](Random& random) {
    std::vector<Caller> callers = AtOnce(40, random, 900, 1100);
    for (Caller& caller : callers) caller.lengths.assign(12, caller.lengths.front());  // batches have 5
    return callers;
  });
}

TEST_P(RetryAfter, IsKeptIfTheLimitIsOnCost) {
  World world = Limited(10'000, GetParam());
  world.options.max_queued_cost = seconds(2);
  ExpectKept(world, [](Random& random) { return Stream(1.5, 20, 1, random, 250, 350); });
}

TEST_P(RetryAfter, IsKeptIfTheLimitIsOnBytes) {
  World world = Limited(10'000, GetParam());
  world.options.max_queued_bytes = 2'000;  // 100 bytes each
  ExpectKept(world, [](Random& random) { return AtOnce(60, random, 200, 400); });
}

TEST_P(RetryAfter, IsKeptToACustomerWhoseOwnShareIsFull) {
  World world = Limited(10'000, GetParam());
  world.options.max_queued_requests_per_customer = 20;
  ExpectKept(world, [](Random& random) { return AtOnce(60, random, 200, 400); });
  // Other customers have half of the backend.
  ExpectKept(world, [](Random& random) {
    std::vector<Caller> all = Stream(0.5, 20, 3, random, 250, 350);
    for (Caller& caller : AtOnce(60, random, 250, 350, kStart + seconds(5))) all.push_back(std::move(caller));
    return all;
  });
}

// Half of the callers give up when they are refused: the others do not wait for them, and no place is kept for callers
// that do not come.
TEST_P(RetryAfter, CountsOnlyOnThoseWhoComeBack) {
  World world = Limited(100, GetParam());
  Random random(1);
  const std::vector<Caller> callers = Stream(1.5, 40, 1, random, 270, 330);
  Duration told[2];
  for (const double obey : {1.0, 0.1}) {
    world.obey = obey;
    Simulation simulation(world, callers);
    simulation.Run();
    told[obey < 1 ? 1 : 0] = simulation.told_last();
    EXPECT_LT(ToSeconds(simulation.ended() - kStart) / ToSeconds(simulation.busy()), 1.2) << obey;
  }
  EXPECT_LT(told[1], told[0] / 2);
}

INSTANTIATE_TEST_SUITE_P(Strategies, RetryAfter, testing::Values("fcfs", "density", "weighted_fair"));

}  // namespace
}  // namespace smartbatch::scheduling
