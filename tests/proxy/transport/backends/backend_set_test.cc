// Backends that are given by address or by a name, that come and go, and whose health is checked.
#include "services/proxy/transport/backends/backend_set.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/completion_queue.h>

#include "services/proxy/protocol/classify/classify_codec.h"
#include "services/proxy/runtime/clock.h"
#include "services/rpc/tag.h"
#include "tests/proxy/scripted_backend.h"
#include "tests/proxy/transport/backends/scripted_classifier.h"

namespace smartbatch::transport {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::ScriptedClassifier;
using ::testing::UnorderedElementsAre;

class TheBackends : public ::testing::Test {
 protected:
  ~TheBackends() override {
    lookups_ = {};
    set_.reset();
    dispatcher_.Close();
    EXPECT_TRUE(dispatcher_.WaitUntilIdle(std::chrono::seconds(10)));
    queue_.Shutdown();
  }

  static bool Becomes(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds(2));
    }
    return true;
  }
  // The backends that the dispatcher has, with their slots; `+` if they are healthy.
  std::vector<std::string> Backends() {
    std::vector<std::string> backends;
    for (const auto& backend : dispatcher_.Look(0).backends) {
      backends.push_back(backend.name + " " + std::to_string(backend.slots) + (backend.up ? " +" : " -"));
    }
    return backends;
  }
  struct Asked {
    runtime::Ticket ticket;
    std::optional<scheduling::Outcome> outcome;
    std::atomic<bool> is_done = false;
  };
  Asked& Ask(const std::string& text) {
    asked_.push_back(std::make_unique<Asked>());
    Asked& asked = *asked_.back();
    runtime::Submission request{.customer = "a", .payload = testing::PayloadOf({text}), .deadline = kNever};
    dispatcher_.Submit(std::move(request), asked.ticket, runtime::Reply([&asked](absl::StatusOr<runtime::Ending> e) {
                         asked.outcome = e->outcome;
                         asked.is_done = true;
                       }));
    return asked;
  }
  bool IsAnswered(Asked& asked) {
    return Becomes([&] { return asked.is_done.load(); }) && asked.outcome == scheduling::Outcome::kAnswered;
  }

  std::vector<std::unique_ptr<Asked>> asked_;
  std::size_t clients_made_ = 0;
  runtime::SteadyClock clock_;
  const protocol::classify::ClassifyBackendCodec codec_{5};
  grpc::CompletionQueue queue_;
  std::jthread poller_{[this] { rpc::RunTags(queue_); }};
  runtime::Dispatcher dispatcher_{*scheduling::Scheduler::Create({}, {"sjf", {}}, nullptr), clock_, nullptr};
  Mutex mutex_;
  std::map<std::string, std::vector<std::string>> names_ SMARTBATCH_GUARDED_BY(mutex_);
  std::unique_ptr<BackendSet> set_ = std::make_unique<BackendSet>(
      dispatcher_,
      [this](const std::string& address) {
        ++clients_made_;
        return std::make_shared<BackendClient>(address, codec_, queue_);
      },
      BackendSetOptions{.cost = {}, .health_check_interval = milliseconds(100), .lookup_interval = milliseconds(50)},
      [this](const std::string& name) -> absl::StatusOr<std::vector<std::string>> {
        const MutexLock lock(mutex_);
        const auto found = names_.find(name);
        if (found == names_.end()) return absl::UnavailableError("the resolver is away");
        return found->second;
      });
  std::jthread lookups_;

  void NameIs(const std::string& name, const std::vector<std::string>& addresses) {
    const MutexLock lock(mutex_);
    names_[name] = addresses;
  }
  void ForgetNames() {
    const MutexLock lock(mutex_);
    names_.clear();
  }
};

TEST_F(TheBackends, AreThoseOfTheListAndChangeWithIt) {
  set_->SetTargets({{"127.0.0.1:1", 1}, {"127.0.0.1:2", 3}});
  EXPECT_THAT(set_->addresses(), ElementsAre("127.0.0.1:1", "127.0.0.1:2"));
  set_->SetTargets({{"127.0.0.1:2", 4}, {"127.0.0.1:3", 1}});
  std::vector<std::string> names;
  for (const auto& backend : dispatcher_.Look(0).backends) names.push_back(backend.name);
  EXPECT_THAT(names, UnorderedElementsAre("127.0.0.1:2", "127.0.0.1:3"));
}

TEST_F(TheBackends, ChangeAllAtOnceWithoutARequestThatFails) {
  ScriptedClassifier one("127.0.0.1:0");
  ScriptedClassifier other("127.0.0.2:0");
  NameIs("backends:5", {one.address()});
  set_->SetTargets({{"dns:///backends:5", 1}});
  set_->Refresh();
  auto& running = Ask("hang");
  EXPECT_TRUE(Becomes([&] { return one.calls() == 1; }));
  auto& waiting = Ask("waits");
  set_->SetTargets({{"dns:///backends:5", 2}});  // the slots of the only one
  EXPECT_TRUE(IsAnswered(waiting));
  set_->SetTargets({{"dns:///backends:5", 1}});  // fewer slots than running batches
  auto& moves = Ask("moves");
  NameIs("backends:5", {other.address()});
  set_->Refresh();
  EXPECT_TRUE(IsAnswered(moves));
  set_->SetTargets({{one.address(), 1}});  // one list for another
  auto& back = Ask("goes back");
  one.LetGo();
  EXPECT_TRUE(IsAnswered(back));
  EXPECT_TRUE(IsAnswered(running));
}

TEST_F(TheBackends, KeepTheirConnectionAndTheirBatchesWhenTheirSlotsChange) {
  ScriptedClassifier one("127.0.0.1:0");
  set_->SetTargets({{one.address(), 2}});
  auto& first = Ask("hang");
  auto& second = Ask("hang");
  EXPECT_TRUE(Becomes([&] { return one.calls() == 2; }));
  const std::size_t clients = clients_made_;
  set_->SetTargets({{one.address(), 1}});
  EXPECT_THAT(Backends(), ElementsAre(one.address() + " 1 +"));
  auto& third = Ask("x");
  set_->SetTargets({{one.address(), 3}});
  EXPECT_TRUE(IsAnswered(third));
  one.LetGo();
  EXPECT_TRUE(IsAnswered(first));
  EXPECT_TRUE(IsAnswered(second));
  EXPECT_EQ(clients_made_, clients);
}

TEST_F(TheBackends, AreWaitedForIfThereAreNoneYet) {
  ScriptedClassifier one("127.0.0.1:0");
  auto& early = Ask("early");
  EXPECT_FALSE(early.is_done);
  set_->SetTargets({{one.address(), 1}});
  EXPECT_TRUE(IsAnswered(early));
  set_->SetTargets({});
  auto& between = Ask("between");
  EXPECT_FALSE(between.is_done);
  set_->SetTargets({{one.address(), 1}});
  EXPECT_TRUE(IsAnswered(between));
}

TEST_F(TheBackends, AreAllThatANameStandsForEachWithSlotsOfItsOwn) {
  ScriptedClassifier one("127.0.0.1:0");
  ScriptedClassifier other("127.0.0.2:0");
  NameIs("backends:5", {one.address(), other.address()});
  set_->SetTargets({{"dns:///backends:5", 1}});
  EXPECT_THAT(set_->addresses(), IsEmpty());
  set_->Refresh();
  EXPECT_THAT(Backends(), UnorderedElementsAre(one.address() + " 1 +", other.address() + " 1 +"));
  auto& first = Ask("hang");
  auto& second = Ask("hang");
  EXPECT_TRUE(Becomes([&] { return one.calls() == 1 && other.calls() == 1; }));
  dispatcher_.Cancel(first.ticket);
  dispatcher_.Cancel(second.ticket);
}

TEST_F(TheBackends, FollowTheNameWhileItRuns) {
  ScriptedClassifier one("127.0.0.1:0");
  ScriptedClassifier other("127.0.0.2:0");
  NameIs("backends:5", {one.address()});
  set_->SetTargets({{"dns:///backends:5", 1}});
  lookups_ = std::jthread([this](const std::stop_token& stop) { set_->Run(stop); });
  EXPECT_TRUE(Becomes([&] { return set_->addresses() == std::vector{one.address()}; }));
  auto& running = Ask("hang");
  EXPECT_TRUE(Becomes([&] { return one.calls() == 1; }));
  NameIs("backends:5", {other.address()});
  EXPECT_TRUE(Becomes([&] { return set_->addresses() == std::vector{other.address()}; }));
  EXPECT_TRUE(IsAnswered(Ask("served by the other")));
  EXPECT_EQ(one.calls(), 1);
  EXPECT_FALSE(running.is_done);  // the first one's batch is not given up
  one.LetGo();
  EXPECT_TRUE(IsAnswered(running));
}

TEST_F(TheBackends, StayIfTheNameCannotBeLookedUpOrStandsForNothing) {
  NameIs("backends:5", {"127.0.0.1:1"});
  set_->SetTargets({{"dns:///backends:5", 1}});
  set_->Refresh();
  NameIs("backends:5", {});
  set_->Refresh();
  EXPECT_THAT(set_->addresses(), ElementsAre("127.0.0.1:1"));
  ForgetNames();
  set_->Refresh();
  EXPECT_THAT(set_->addresses(), ElementsAre("127.0.0.1:1"));
  set_->SetTargets({{"dns:///backends:5", 1}, {"127.0.0.1:2", 1}});
  EXPECT_THAT(set_->addresses(), ElementsAre("127.0.0.1:1", "127.0.0.1:2"));
}

TEST_F(TheBackends, GetNothingWhileTheirHealthCheckSaysNo) {
  ScriptedClassifier one("127.0.0.1:0");
  ScriptedClassifier other("127.0.0.2:0");
  set_->SetTargets({{one.address(), 1}, {other.address(), 1}});
  one.SetServing(false);
  EXPECT_TRUE(Becomes([&] { return !dispatcher_.Look(0).backends[0].up; }));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(IsAnswered(Ask("x")));
  EXPECT_EQ(one.calls(), 0);
  EXPECT_EQ(other.calls(), 10);
  one.SetServing(true);
  EXPECT_TRUE(Becomes([&] { return dispatcher_.Look(0).backends[0].up; }));
}

TEST_F(TheBackends, AreTakenOutIfNobodyAnswersTheHealthCheckAndTakenBack) {
  std::optional<ScriptedClassifier> one(std::in_place, "127.0.0.1:0");
  const std::string address = one->address();
  set_->SetTargets({{address, 1}});
  EXPECT_TRUE(IsAnswered(Ask("x")));
  one.reset();
  EXPECT_TRUE(Becomes([&] { return !dispatcher_.Look(0).backends[0].up; }));
  one.emplace(address);
  EXPECT_TRUE(Becomes([&] { return dispatcher_.Look(0).backends[0].up; }));
  EXPECT_TRUE(IsAnswered(Ask("x")));
}

TEST(TheSystemsLookup, FindsTheAddressesOfAName) {
  const auto addresses = LookUpBySystem("localhost:7");
  ASSERT_TRUE(addresses.ok()) << addresses.status();
  EXPECT_THAT(*addresses, ::testing::Contains("127.0.0.1:7"));
  const auto itself = LookUpBySystem("127.0.0.3:7");
  ASSERT_TRUE(itself.ok());
  EXPECT_THAT(*itself, ElementsAre("127.0.0.3:7"));
  EXPECT_THAT(std::string(LookUpBySystem("no name:7").status().message()),
              ::testing::HasSubstr("cannot look up 'no name'"));
}

}  // namespace
}  // namespace smartbatch::transport
