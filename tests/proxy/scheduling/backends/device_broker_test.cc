// What the broker of a device promises, while models come and go, beside rules that break it.
#include "services/proxy/scheduling/backends/device_broker.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

// --- By hand ---

TEST(TheDeviceBroker, LetsAMemberOfTwiceTheWeightUseTwiceTheTime) {
  DeviceBroker broker(1);
  const DeviceBroker::Member heavy = broker.Join(2);
  const DeviceBroker::Member light = broker.Join(1);
  for (int i = 0; i < 3000; ++i) {
    const bool first = broker.Ask(heavy);
    const bool second = broker.Ask(light);
    ASSERT_NE(first, second) << "one slot, and two that want it";
    const DeviceBroker::Member member = first ? heavy : light;
    broker.Start(member, 0.5);
    broker.End(member, 0.5, 0.01);
  }
  EXPECT_NEAR(broker.UsedSeconds(heavy), 20, 0.02);
  EXPECT_NEAR(broker.UsedSeconds(light), 10, 0.02);
}

TEST(TheDeviceBroker, GivesNoCreditForTheTimeThatAMemberWantedNothing) {
  DeviceBroker broker(1);
  const DeviceBroker::Member busy = broker.Join(1);
  const DeviceBroker::Member idle = broker.Join(1);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(broker.Ask(busy));
    broker.Start(busy, 1);
    broker.End(busy, 1, 1);
  }
  int in_a_row = 0;
  for (; in_a_row < 100; ++in_a_row) {
    const bool idle_goes = broker.Ask(idle);
    if (broker.Ask(busy)) break;
    ASSERT_TRUE(idle_goes);
    broker.Start(idle, 1);
    broker.End(idle, 1, 1);
  }
  EXPECT_LE(in_a_row, 2);
}

TEST(TheDeviceBroker, PassesASlotOnThatItsMemberGivesBack) {
  DeviceBroker broker(1);
  const DeviceBroker::Member first = broker.Join(1);
  const DeviceBroker::Member second = broker.Join(1);
  ASSERT_TRUE(broker.Ask(first));
  EXPECT_FALSE(broker.Ask(second));
  EXPECT_EQ(broker.Next(), std::nullopt);
  broker.Return(first);
  EXPECT_EQ(broker.Next(), second);
  EXPECT_TRUE(broker.Ask(second));
  EXPECT_EQ(broker.slots_in_use(), 1U);
}

TEST(TheDeviceBroker, GivesNoneUntilFewerRunThanSlotsAreLeft) {
  DeviceBroker broker(2);
  const DeviceBroker::Member member = broker.Join(1);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(broker.Ask(member));
    broker.Start(member, 1);
  }
  broker.SetSlots(1);
  EXPECT_FALSE(broker.Ask(member));
  broker.End(member, 1, 1);
  EXPECT_EQ(broker.Next(), std::nullopt);
  broker.End(member, 1, 1);
  EXPECT_EQ(broker.Next(), member);
}

TEST(TheDeviceBroker, GivesANewMemberThePlaceOfOneThatHasLeft) {
  DeviceBroker broker(1);
  const DeviceBroker::Member first = broker.Join(1);
  ASSERT_TRUE(broker.Ask(first));
  broker.Start(first, 1);
  broker.End(first, 1, 1);
  broker.Leave(first);
  EXPECT_EQ(broker.Join(3), first);
  EXPECT_EQ(broker.UsedSeconds(first), 0);
  EXPECT_EQ(broker.Next(), std::nullopt);
}

// --- Properties ---

// The controls: rules that each break a promise.
enum class Rule {
  kInTurn,        // who has waited longest: no weights, and as many batches for each
  kFirstMember,   // a strict priority
  kNeverForgets,  // least used since the start: who wanted nothing for long has a credit
};

template <Rule rule>
class Control {
 public:
  using Member = std::uint32_t;
  explicit Control(std::uint32_t slots) : slots_(slots) {}
  Member Join(double weight) {
    shares_.push_back({weight});
    return static_cast<Member>(shares_.size() - 1);
  }
  bool Ask(Member member) {
    if (!shares_[member].waits) shares_[member].since = ++waits_;
    shares_[member].waits = true;
    if (Next() != member) return false;
    shares_[member].waits = false;
    ++in_use_;
    return true;
  }
  void Return(Member member) {
    --in_use_;
    Withdraw(member);
  }
  void Withdraw(Member member) { shares_[member].waits = false; }
  void Start(Member member, double predicted) { shares_[member].used += predicted / shares_[member].weight; }
  void End(Member member, double predicted, double took) {
    shares_[member].used += (took - predicted) / shares_[member].weight;
    --in_use_;
  }
  std::optional<Member> Next() const {
    std::optional<Member> next;
    for (Member member = 0; member < shares_.size(); ++member) {
      if (shares_[member].waits && (!next || Order(member) < Order(*next))) next = member;
    }
    return in_use_ < slots_ ? next : std::nullopt;
  }

 private:
  struct Share {
    double weight = 1;
    double used = 0;
    std::uint64_t since = 0;
    bool waits = false;
  };
  double Order(Member member) const {
    if (rule == Rule::kInTurn) return static_cast<double>(shares_[member].since);
    return rule == Rule::kFirstMember ? member : shares_[member].used;
  }

  std::uint32_t slots_;
  std::uint32_t in_use_ = 0;
  std::uint64_t waits_ = 0;
  std::vector<Share> shares_;
};

// Models that want a device now and then, for many batches or for few, some of which give a slot back that they have
// got; and what the broker promises, checked by what was used in fact.
template <class Broker>
class PlayedDevice {
 public:
  using Member = typename Broker::Member;

  explicit PlayedDevice(std::uint64_t seed)
      : random_(seed), slots_(static_cast<std::uint32_t>(random_.Between(1, 4))), broker_(slots_) {
    const std::int64_t models = random_.Between(2, 5);
    for (std::int64_t i = 0; i < models; ++i) {
      Model& model = models_.emplace_back();
      model.weight = 0.2 + 3 * random_.Uniform();
      model.longest = 0.05 + random_.Uniform();
      model.stays = random_.Chance(0.4);
      model.hesitates = random_.Chance(0.3);
      model.belief = static_cast<Belief>(random_.Between(0, 2));
      broker_.Join(model.weight);
      if (model.stays) model.wanted = std::numeric_limits<std::uint32_t>::max();
    }
    extremes_.resize(models_.size() * models_.size());
    for (const Model& model : models_) longest_ = std::max(longest_, model.longest);
  }

  void Play(double until) {
    for (Member member = 0; member < models_.size(); ++member) {
      if (models_[member].stays) {
        Turn(member);
      } else {
        ArriveLater(member);
      }
    }
    while (!events_.empty() && now_ < until) {
      const auto event = events_.extract(events_.begin());
      now_ = event.key();
      Happen(event.mapped());
      Check();
    }
  }

  // By how much each promise was missed at worst, as a multiple of what is promised: at most 1 if it is kept.
  double unfairness() const { return unfairness_; }
  double longest_wait() const { return longest_wait_; }
  bool wasted_a_slot() const { return wasted_a_slot_; }
  bool overfilled() const { return overfilled_; }

 private:
  // What its batches are predicted to take.
  enum class Belief : std::uint8_t { kAnything, kTooMuch, kTooLittle };
  struct Model {
    double weight = 1;
    double longest = 0;  // seconds of a batch, as predicted and in truth
    bool stays = false;  // wants the device all the time
    Belief belief = Belief::kAnything;
    bool hesitates = false;  // gives a slot back now and then, to wait for company
    std::uint32_t wanted = 0;
    double used = 0;  // of batches that run, what was predicted
    std::optional<double> waits_since;
    bool waits = false;
  };
  struct Event {
    Member member = 0;
    bool is_end = false;
    double predicted = 0;
    double took = 0;
  };
  struct Extremes {
    bool open = false;
    double least = 0;
    double most = 0;
  };

  void ArriveLater(Member member) { events_.emplace(now_ + random_.Exponential(3), Event{.member = member}); }

  void Happen(const Event& event) {
    Model& model = models_[event.member];
    if (event.is_end) {
      broker_.End(event.member, event.predicted, event.took);
      model.used += event.took - event.predicted;
      --running_;
    } else if (!model.stays) {
      model.wanted += static_cast<std::uint32_t>(random_.Between(1, 40));
      ArriveLater(event.member);
    }
    Turn(event.member);
    while (const std::optional<Member> next = broker_.Next()) Turn(*next);
  }

  // As a dispatcher: asks and starts until it has enough, or must wait.
  void Turn(Member member) {
    Model& model = models_[member];
    while (model.wanted > 0 && broker_.Ask(member)) {
      EndWait(model);
      if (model.hesitates && random_.Chance(0.1)) {
        broker_.Return(member);
        events_.emplace(now_ + 0.02, Event{.member = member, .is_end = false});
        model.waits = false;
        Close(member);
        return;
      }
      const double most = model.belief == Belief::kTooMuch ? 0.1 * model.longest : model.longest;
      const double took = most * random_.Uniform();
      const double predicted = Predict(model, took);
      broker_.Start(member, predicted);
      model.used += predicted;
      --model.wanted;
      ++running_;
      events_.emplace(now_ + took, Event{member, true, predicted, took});
    }
    model.waits = model.wanted > 0;
    if (model.waits && !model.waits_since) model.waits_since = now_;
    if (model.waits) return;
    broker_.Withdraw(member);
    Close(member);
  }

  double Predict(const Model& model, double took) {
    switch (model.belief) {
      case Belief::kTooMuch:
        return random_.Chance(0.5) ? model.longest : took;
      case Belief::kTooLittle:
        return 0.01 * took;
      case Belief::kAnything:
        return random_.Chance(0.5) ? took : model.longest * random_.Uniform();
    }
    return took;
  }

  void EndWait(Model& model) {
    if (!model.waits_since) return;
    double promised = 3 * longest_;
    for (const Model& other : models_) {
      if (&other != &model) promised += 2 * (other.longest + other.weight * model.longest / model.weight);
    }
    longest_wait_ = std::max(longest_wait_, (now_ - *model.waits_since) / promised);
    model.waits_since.reset();
  }

  // The member wants nothing: what it uses is not compared until it does again.
  void Close(Member member) {
    for (Member other = 0; other < models_.size(); ++other) {
      Of(member, other).open = Of(other, member).open = false;
    }
  }

  Extremes& Of(Member first, Member second) { return extremes_[first * models_.size() + second]; }

  void Check() {
    wasted_a_slot_ = wasted_a_slot_ || broker_.Next().has_value() ||
                     (running_ < slots_ &&
                      std::any_of(models_.begin(), models_.end(), [](const Model& model) { return model.waits; }));
    overfilled_ = overfilled_ || running_ > slots_;
    for (Member first = 0; first < models_.size(); ++first) {
      for (Member second = first + 1; second < models_.size(); ++second) Compare(first, second);
    }
  }

  void Compare(Member first, Member second) {
    const Model& one = models_[first];
    const Model& other = models_[second];
    if (!one.waits || !other.waits) return;
    const double difference = one.used / one.weight - other.used / other.weight;
    Extremes& extremes = Of(first, second);
    if (!extremes.open) extremes = {true, difference, difference};
    extremes.least = std::min(extremes.least, difference);
    extremes.most = std::max(extremes.most, difference);
    const double promised = (slots_ == 1 ? 1 : 2 * slots_) * (one.longest / one.weight + other.longest / other.weight);
    unfairness_ = std::max(unfairness_, (extremes.most - extremes.least) / promised);
  }

  Random random_;
  const std::uint32_t slots_;
  Broker broker_;
  std::vector<Model> models_;
  double longest_ = 0;
  std::multimap<double, Event> events_;
  double now_ = 0;
  std::uint32_t running_ = 0;
  std::vector<Extremes> extremes_;  // of each pair that wants the device

  double unfairness_ = 0;
  double longest_wait_ = 0;
  bool wasted_a_slot_ = false;
  bool overfilled_ = false;
};

struct Worst {
  double unfairness = 0;
  double longest_wait = 0;
  bool wasted_a_slot = false;
  bool overfilled = false;
};

template <class Broker>
Worst WorstOf(std::uint64_t seeds) {
  Worst worst;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    PlayedDevice<Broker> device(seed);
    device.Play(300);
    worst.unfairness = std::max(worst.unfairness, device.unfairness());
    worst.longest_wait = std::max(worst.longest_wait, device.longest_wait());
    worst.wasted_a_slot = worst.wasted_a_slot || device.wasted_a_slot();
    worst.overfilled = worst.overfilled || device.overfilled();
  }
  return worst;
}

TEST(TheDeviceBroker, KeepsItsPromisesWhateverTheBatchesTakeAndWhoeverComesAndGoes) {
  const Worst worst = WorstOf<DeviceBroker>(200);
  EXPECT_FALSE(worst.overfilled);
  EXPECT_FALSE(worst.wasted_a_slot);
  EXPECT_LE(worst.unfairness, 1 + 1e-9);
  EXPECT_LE(worst.longest_wait, 1);
  // Promises that are far too weak would prove little.
  EXPECT_GT(worst.unfairness, 0.9);
  EXPECT_GT(worst.longest_wait, 0.3);
}

TEST(TheDeviceBroker, WouldBeFoundOutIfItForgotTheWeightsThePoorOrTheIdle) {
  EXPECT_GT(WorstOf<Control<Rule::kInTurn>>(20).unfairness, 2);
  EXPECT_GT(WorstOf<Control<Rule::kNeverForgets>>(20).unfairness, 2);
  const Worst priority = WorstOf<Control<Rule::kFirstMember>>(20);
  EXPECT_GT(priority.unfairness, 2);
  EXPECT_GT(priority.longest_wait, 2);
}

}  // namespace
}  // namespace smartbatch::scheduling
