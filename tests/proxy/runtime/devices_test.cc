// Several models on one device: its slots, and that none of them waits for an event that never comes.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/random.h"
#include "services/proxy/runtime/device.h"
#include "services/proxy/runtime/device_shares.h"
#include "services/proxy/runtime/dispatcher.h"
#include "tests/proxy/manual_clock.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

scheduling::StrategyChoice Fcfs(const std::string& linger_ms = "0") { return {"fcfs", {{"linger_ms", linger_ms}}}; }

// A model: a dispatcher, and a backend that answers when the test says so.
class SharingModel {
 public:
  SharingModel(const Clock& clock, std::shared_ptr<Device> device, double weight = 1,
               const scheduling::StrategyChoice& strategy = Fcfs(), const scheduling::SchedulerOptions& options = {})
      : dispatcher_(*scheduling::Scheduler::Create(options, strategy, nullptr), clock, nullptr) {
    if (device != nullptr) share_ = std::make_shared<DeviceShare>(std::move(device), dispatcher_, weight);
    first_ = dispatcher_.AddBackend("backend", 4, {}, backend, share_);
  }
  ~SharingModel() {
    dispatcher_.Close();
    while (auto sent = backend.Take()) std::move(sent->reply).Fulfil(absl::CancelledError("the test is over"));
    EXPECT_TRUE(dispatcher_.WaitUntilIdle(Duration::zero()));
  }

  // A request that fills a batch.
  void Submit(const std::string& text) { Submit({text, text, text, text, text}); }
  void Submit(std::vector<std::string> texts) {
    Submission request{.customer = "customer", .payload = testing::PayloadOf(std::move(texts))};
    dispatcher_.Submit(std::move(request), tickets_.emplace_back(), Reply([this](absl::StatusOr<Ending> ending) {
                         if (ending.value().outcome == scheduling::Outcome::kAnswered) ++answered;
                       }));
  }
  std::size_t running() { return backend.Waiting().size(); }
  Dispatcher& dispatcher() { return dispatcher_; }
  const std::shared_ptr<DeviceShare>& share() const { return share_; }
  scheduling::BackendId first() const { return first_; }
  DeviceState device() const { return dispatcher_.Look(0).devices.at(0); }

  testing::ScriptedBackend backend;
  int answered = 0;

 private:
  std::deque<Ticket> tickets_;
  Dispatcher dispatcher_;
  std::shared_ptr<DeviceShare> share_;
  scheduling::BackendId first_ = 0;
};

class ModelsOnADevice : public ::testing::Test {
 protected:
  testing::ManualClock clock_;
  const std::shared_ptr<Device> device_ = std::make_shared<Device>("gpu", 1);
};

TEST_F(ModelsOnADevice, TakeTurnsInItsOneSlot) {
  SharingModel one(clock_, device_);
  SharingModel other(clock_, device_);
  for (int i = 0; i < 3; ++i) one.Submit("one");
  for (int i = 0; i < 3; ++i) other.Submit("other");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(one.running(), 1U);
    EXPECT_EQ(other.running(), 0U);
    clock_.Advance(milliseconds(10));
    one.backend.AnswerNext();  // which hands the slot on at once
    EXPECT_EQ(one.running(), 0U);
    EXPECT_EQ(other.running(), 1U);
    clock_.Advance(milliseconds(10));
    other.backend.AnswerNext();
  }
  EXPECT_EQ(one.answered + other.answered, 6);
  EXPECT_DOUBLE_EQ(one.device().used_seconds, 0.03);
  EXPECT_EQ(one.device().slots_in_use, 0U);
}

TEST_F(ModelsOnADevice, OnDevicesOfTheirOwnRunBesideEachOther) {
  SharingModel one(clock_, nullptr);
  SharingModel other(clock_, std::make_shared<Device>("another", 1));
  SharingModel third(clock_, device_);
  for (SharingModel* const model : {&one, &other, &third}) model->Submit("text");
  EXPECT_EQ(one.running() + other.running() + third.running(), 3U);
  EXPECT_THAT(one.dispatcher().Look(0).devices, IsEmpty());
}

TEST_F(ModelsOnADevice, GetItsTimeByTheirWeights) {
  SharingModel heavy(clock_, device_, 3);
  SharingModel light(clock_, device_, 1);
  for (int i = 0; i < 400; ++i) heavy.Submit("heavy");
  for (int i = 0; i < 400; ++i) light.Submit("light");
  for (int i = 0; i < 400; ++i) {
    clock_.Advance(milliseconds(10));
    (heavy.running() > 0 ? heavy : light).backend.AnswerNext();
  }
  EXPECT_NEAR(heavy.answered, 300, 1);
  EXPECT_NEAR(light.answered, 100, 1);
}

// The batches take 10 ms. By the cost that is believed at first those of the long texts take 25 s, and their model
// would have no turn again for as long.
TEST_F(ModelsOnADevice, AreKeptWaitingByNoAssumedCost) {
  const auto shares = [this](bool costs_are_assumed) {
    scheduling::SchedulerOptions options;
    options.backends.costs_are_assumed = costs_are_assumed;
    const auto device = std::make_shared<Device>("gpu", 2);
    SharingModel long_texts(clock_, device, 1, Fcfs(), options);
    SharingModel other(clock_, device, 1, Fcfs(), options);
    for (int i = 0; i < 800; ++i) long_texts.Submit(std::string(5000, 'x'));
    for (int i = 0; i < 800; ++i) other.Submit("text");
    for (int i = 0; i < 400; ++i) {
      clock_.Advance(milliseconds(10));
      const std::size_t of_other = other.running();
      for (std::size_t left = long_texts.running(); left > 0; --left) long_texts.backend.AnswerNext();
      for (std::size_t left = of_other; left > 0; --left) other.backend.AnswerNext();
    }
    return std::pair(long_texts.answered, other.answered);
  };
  const auto assumed = shares(true);
  EXPECT_GE(assumed.first, 300);
  EXPECT_GE(assumed.second, 300);
  const auto told = shares(false);
  EXPECT_LE(told.first, 100) << "the control: it was told that they take 25 s";
}

TEST_F(ModelsOnADevice, GiveWayAtOnceIfTheyHaveNothingToSend) {
  SharingModel busy(clock_, device_);
  SharingModel idle(clock_, device_, 100);
  idle.Submit("once");
  clock_.Advance(milliseconds(1));
  idle.backend.AnswerNext();
  for (int i = 0; i < 50; ++i) busy.Submit("text");
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(busy.running(), 1U);
    clock_.Advance(milliseconds(1));
    busy.backend.AnswerNext();
  }
}

TEST_F(ModelsOnADevice, GiveWayWhileTheyWaitForCompany) {
  SharingModel lingers(clock_, device_, 1, Fcfs("20"));
  SharingModel other(clock_, device_);
  lingers.Submit(std::vector<std::string>{"alone"});
  EXPECT_EQ(lingers.running(), 0U);
  other.Submit("text");
  EXPECT_EQ(other.running(), 1U);
  clock_.Advance(milliseconds(20));
  lingers.dispatcher().Tick();
  EXPECT_EQ(lingers.running(), 0U);  // now it wants the slot
  other.backend.AnswerNext();
  EXPECT_EQ(lingers.running(), 1U);
}

TEST_F(ModelsOnADevice, PassASlotOnWhenTheirBackendIsRemovedOrFails) {
  SharingModel one(clock_, device_);
  SharingModel leaves(clock_, device_);
  SharingModel third(clock_, device_);
  one.Submit("one");
  leaves.Submit("leaves");
  third.Submit("third");
  ASSERT_EQ(one.running(), 1U);
  leaves.dispatcher().RemoveBackend(leaves.first());  // while it is the next
  one.backend.FailNext(absl::InternalError("broken"));
  EXPECT_EQ(leaves.running(), 0U);
  EXPECT_EQ(third.running() + one.running(), 1U);
  EXPECT_EQ(third.running(), 1U);
}

TEST_F(ModelsOnADevice, PassASlotOnThatIsFreeForThemWhenTheirBackendIsRemoved) {
  DeviceTable table;
  table.Set({{"gpu", 1}});
  SharingModel one(clock_, table.Find("gpu"));
  SharingModel leaves(clock_, table.Find("gpu"));
  SharingModel third(clock_, table.Find("gpu"));
  for (SharingModel* const model : {&one, &leaves, &third}) model->Submit("text");
  table.Set({{"gpu", 2}});
  ASSERT_EQ(one.running() + leaves.running() + third.running(), 1U);
  leaves.dispatcher().RemoveBackend(leaves.first());
  EXPECT_EQ(third.running(), 1U);
}

TEST_F(ModelsOnADevice, ThatIsRemovedWithABatchThereGivesTheSlotBackWithIt) {
  SharingModel leaves(clock_, device_);
  SharingModel other(clock_, device_);
  leaves.Submit("leaves");
  other.Submit("other");
  leaves.dispatcher().RemoveBackend(leaves.first());
  EXPECT_EQ(other.running(), 0U);
  clock_.Advance(milliseconds(1));
  leaves.backend.AnswerNext();
  EXPECT_EQ(other.running(), 1U);
}

TEST_F(ModelsOnADevice, EndedByAStopPassTheirSlotsOn) {
  SharingModel ends(clock_, device_);
  SharingModel other(clock_, device_);
  ends.Submit("ends");
  other.Submit("other");
  ends.dispatcher().Close();
  EXPECT_EQ(other.running(), 0U) << "the batch is cancelled, and still there";
  ends.backend.FailNext(absl::CancelledError("as asked"));
  EXPECT_EQ(other.running(), 1U);
}

TEST_F(ModelsOnADevice, WithSeveralDevicesHaveSlotsOfEach) {
  SharingModel both(clock_, device_);
  SharingModel other(clock_, device_);
  const auto second = std::make_shared<Device>("second", 2);
  testing::ScriptedBackend there;
  const auto share = std::make_shared<DeviceShare>(second, both.dispatcher(), 1);
  const auto id = both.dispatcher().AddBackend("there", 4, {}, there, share);
  other.Submit("other");
  for (int i = 0; i < 4; ++i) both.Submit("both");
  EXPECT_EQ(both.running(), 0U);
  EXPECT_EQ(there.Waiting().size(), 2U);
  clock_.Advance(milliseconds(1));
  other.backend.AnswerNext();
  EXPECT_EQ(both.running(), 1U);
  there.AnswerNext();
  EXPECT_EQ(there.Waiting().size(), 2U);
  for (int i = 0; i < 2; ++i) there.AnswerNext();
  both.dispatcher().RemoveBackend(id);
}

TEST_F(ModelsOnADevice, UseMoreSlotsAfterTheNextEventOnceThereAreMore) {
  DeviceTable table;
  table.Set({{"gpu", 1}});
  const std::shared_ptr<Device> device = table.Find("gpu");
  SharingModel one(clock_, device);
  SharingModel other(clock_, device);
  for (SharingModel* const model : {&one, &other}) {
    for (int i = 0; i < 3; ++i) model->Submit("text");
  }
  EXPECT_EQ(one.running() + other.running(), 1U);
  table.Set({{"gpu", 3}, {"new", 2}});
  EXPECT_EQ(table.Find("gpu"), device);
  one.dispatcher().Tick();
  EXPECT_EQ(one.running() + other.running(), 3U);
  table.Set({{"gpu", 1}});
  EXPECT_EQ(table.Find("new"), nullptr);
  (one.running() > 0 ? one : other).backend.AnswerNext();
  EXPECT_EQ(one.running() + other.running(), 2U);
  EXPECT_EQ(table.Look().at(0).slots, 1U);
  EXPECT_EQ(table.Look().at(0).slots_in_use, 2U);
}

TEST_F(ModelsOnADevice, GetItsTimeByANewWeightFromThenOn) {
  SharingModel one(clock_, device_);
  SharingModel other(clock_, device_);
  for (int i = 0; i < 400; ++i) one.Submit("one");
  for (int i = 0; i < 400; ++i) other.Submit("other");
  const auto play = [&](int batches) {
    for (int i = 0; i < batches; ++i) {
      clock_.Advance(milliseconds(10));
      (one.running() > 0 ? one : other).backend.AnswerNext();
    }
  };
  play(100);
  EXPECT_NEAR(one.answered, 50, 1);
  one.share()->SetWeight(4);
  play(100);
  EXPECT_NEAR(one.answered, 50 + 80, 2);
}

// --- Threads, on the machine's clock: for ThreadSanitizer ---

// A device that knows how many batches it computes, whoever sends them.
class CountingBackend final : public BackendLink {
 public:
  explicit CountingBackend(std::atomic<int>& running, int slots, std::atomic<int>& overfull)
      : running_(running), slots_(slots), overfull_(overfull) {}
  void Send(const OutgoingBatch& batch, BatchReply reply) override {
    if (++running_ > slots_) ++overfull_;
    scripted_.Send(batch, std::move(reply));
  }
  void Cancel(scheduling::BatchId id) override { scripted_.Cancel(id); }
  // Answers a batch or fails it; returns false if there is none.
  bool EndOne(Random& random) {
    auto sent = scripted_.Take();
    if (!sent) return false;
    if (random.Chance(0.3)) std::this_thread::sleep_for(std::chrono::microseconds(random.Between(1, 100)));
    --running_;
    if (random.Chance(0.02)) {
      std::move(sent->reply).Fulfil(absl::InternalError("now and then"));
    } else {
      testing::ScriptedBackend::Answer(std::move(*sent));
    }
    return true;
  }

 private:
  testing::ScriptedBackend scripted_;
  std::atomic<int>& running_;
  const int slots_;
  std::atomic<int>& overfull_;
};

TEST(DevicesUnderStress, NeverHoldMoreBatchesThanSlotsAndNoModelIsForgotten) {
  constexpr int kModels = 3;
  constexpr int kRequests = 1200;
  const SteadyClock clock;
  const std::array<std::shared_ptr<Device>, 2> devices = {std::make_shared<Device>("one", 1),
                                                          std::make_shared<Device>("two", 2)};
  std::array<std::atomic<int>, 2> running{};
  std::atomic<int> overfull = 0;
  std::atomic<int> replies = 0;
  std::deque<CountingBackend> backends;
  std::deque<Dispatcher> dispatchers;
  std::vector<std::deque<Ticket>> tickets(kModels);
  for (int model = 0; model < kModels; ++model) {
    Dispatcher& dispatcher =
        dispatchers.emplace_back(*scheduling::Scheduler::Create({}, Fcfs(), nullptr), clock, nullptr);
    for (std::size_t i = 0; i < devices.size(); ++i) {
      auto& backend = backends.emplace_back(running[i], static_cast<int>(i) + 1, overfull);
      dispatcher.AddBackend("backend-" + std::to_string(i), 2, {}, backend,
                            std::make_shared<DeviceShare>(devices[i], dispatcher, 1 + model));
    }
  }
  {
    std::vector<std::jthread> answering;
    for (std::uint64_t thread = 0; thread < 2; ++thread) {
      answering.emplace_back([&, thread](const std::stop_token& stop) {
        Random random = Random::Stream(7, thread);
        while (!stop.stop_requested()) {
          bool any = false;
          for (CountingBackend& backend : backends) any = backend.EndOne(random) || any;
          if (!any) std::this_thread::yield();
        }
      });
    }
    std::jthread operators([&](const std::stop_token& stop) {
      for (std::uint32_t i = 0; !stop.stop_requested(); ++i) {
        for (Dispatcher& dispatcher : dispatchers) (void)dispatcher.Look(3);
        std::this_thread::sleep_for(std::chrono::microseconds(300));
      }
    });
    {
      std::vector<std::jthread> submitters;
      for (int model = 0; model < kModels; ++model) {
        submitters.emplace_back([&, model] {
          const auto index = static_cast<std::size_t>(model);
          Random random = Random::Stream(11, index);
          for (int i = 0; i < kRequests; ++i) {
            Submission request{.customer = "customer", .payload = testing::PayloadOf({"some", "text"})};
            dispatchers[index].Submit(std::move(request), tickets[index].emplace_back(),
                                      Reply([&replies](const absl::StatusOr<Ending>&) { ++replies; }));
            if (random.Chance(0.1)) dispatchers[index].Cancel(tickets[index][random.Bits() % tickets[index].size()]);
            if (random.Chance(0.05)) std::this_thread::sleep_for(std::chrono::microseconds(random.Between(1, 300)));
          }
        });
      }
    }
    // Nobody ticks them: what is not sent now was forgotten by those that had the slots.
    for (Dispatcher& dispatcher : dispatchers) {
      dispatcher.StopAccepting();
      EXPECT_TRUE(dispatcher.WaitUntilIdle(seconds(20)));
    }
    for (Dispatcher& dispatcher : dispatchers) dispatcher.Close();
  }
  EXPECT_EQ(overfull, 0);
  EXPECT_EQ(replies, kModels * kRequests);
  for (const auto& device : devices) {
    EXPECT_EQ(device->WithBroker([](const scheduling::DeviceBroker& broker) { return broker.slots_in_use(); }), 0U);
  }
}

}  // namespace
}  // namespace smartbatch::runtime
