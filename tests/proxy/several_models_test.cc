// One proxy, several models: each has its own queue, strategy, limits and backends, and none feels another.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>

#include "common/mutex.h"
#include "tests/proxy/running_proxy.h"
#include "tests/proxy/transport/backends/scripted_classifier.h"
#include "tests/support/http_get.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScriptedClassifier;
using ::testing::StartsWith;

// Says who has labelled each text, and keeps those that it has seen.
class Labeller final : public classifier::v1::ClassifierService::Service {
 public:
  explicit Labeller(std::string name, milliseconds takes = {}) : name_(std::move(name)), takes_(takes) {
    listener_.Add(*this, classifier::v1::ClassifierService::service_full_name());
    EXPECT_TRUE(listener_.Start().ok());
  }
  ~Labeller() override { listener_.ShutDown(); }

  const std::string& address() const { return listener_.address(); }
  std::vector<std::string> texts() {
    const MutexLock lock(mutex_);
    return texts_;
  }
  int largest_batch() {
    const MutexLock lock(mutex_);
    return largest_batch_;
  }

  grpc::Status Classify(grpc::ServerContext*, const classifier::v1::ClassifyRequest* request,
                        classifier::v1::ClassifyResponse* response) override {
    std::this_thread::sleep_for(takes_);
    const MutexLock lock(mutex_);
    largest_batch_ = std::max(largest_batch_, request->sequences_size());
    for (const std::string& text : request->sequences()) {
      texts_.push_back(text);
      auto& result = *response->add_results();
      result.set_label(name_ + " saw " + text);
      result.set_confidence(0.5);
    }
    return grpc::Status::OK;
  }

 private:
  const std::string name_;
  const milliseconds takes_;
  rpc::Listener listener_{"127.0.0.1:0"};
  Mutex mutex_;
  std::vector<std::string> texts_ SMARTBATCH_GUARDED_BY(mutex_);
  int largest_batch_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

class Customer {
 public:
  explicit Customer(Proxy& proxy) : stub_(v1::ProxyService::NewStub(ChannelTo(proxy.address()))) {}

  grpc::Status Call(const std::string& model, const std::vector<std::string>& texts, std::string* label = nullptr) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ProxyClassifyRequest request;
    request.set_model(model);
    request.mutable_sequences()->Add(texts.begin(), texts.end());
    v1::ProxyClassifyResponse response;
    const grpc::Status status = stub_->ProxyClassify(&context, request, &response);
    if (label != nullptr && response.results_size() > 0) *label = response.results(0).label();
    return status;
  }

 private:
  const std::unique_ptr<v1::ProxyService::Stub> stub_;
};

std::string TwoModels(const std::string& small, const std::string& large, const std::string& of_large = "") {
  return absl::StrReplaceAll(R"(
      backends { address: "SMALL" } strategy { name: "fcfs" parameters { key: "linger_ms" value: "0" } }
      models { name: "large" backends { address: "LARGE" } OF_LARGE })",
                             {{"SMALL", small}, {"LARGE", large}, {"OF_LARGE", of_large}});
}

TEST(SeveralModels, UnderLoadEachIsAnsweredByItsOwnBackendsOnly) {
  Labeller small("small");
  Labeller large("large");
  ProxyOf proxy(TwoModels(small.address(), large.address()));
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      Customer customer(*proxy);
      for (int i = 0; i < 100; ++i) {
        const bool is_large = (i + caller) % 2 == 0;
        const std::string text = (is_large ? "L-" : "S-") + std::to_string(caller) + "-" + std::to_string(i);
        std::string label;
        const bool ok = customer.Call(is_large ? "large" : i % 3 == 0 ? "default" : "", {text}, &label).ok();
        if (!ok || label != (is_large ? "large saw " : "small saw ") + text) ++wrong;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_THAT(small.texts(), Each(StartsWith("S-")));
  EXPECT_THAT(large.texts(), Each(StartsWith("L-")));
  EXPECT_EQ(small.texts().size() + large.texts().size(), 800U);
  EXPECT_EQ(proxy.StatusOf("").outcomes().answered(), small.texts().size());
  EXPECT_EQ(proxy.StatusOf("large").outcomes().answered(), large.texts().size());
}

TEST(SeveralModels, OneThatIsNotThereIsNotFoundForCustomersAndForOperators) {
  Labeller backend("one");
  ProxyOf proxy(TwoModels(backend.address(), backend.address()));
  const grpc::Status called = Customer(*proxy).Call("larger", {"text"});
  EXPECT_EQ(called.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(called.error_message(), HasSubstr("'larger'"));
  const grpc::Status steered = proxy.SetStrategy("larger", "sjf");
  EXPECT_EQ(steered.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(steered.error_message(), AllOf(HasSubstr("larger"), HasSubstr("default, large")));
  EXPECT_THAT(proxy.StatusOf("large").models(), ElementsAre("default", "large"));
  EXPECT_THAT(backend.texts(), ElementsAre());
}

TEST(SeveralModels, ABackendThatHangsDelaysTheCustomersOfItsOwnModelOnly) {
  ScriptedClassifier hangs;
  Labeller large("large");
  ProxyOf proxy(TwoModels(hangs.address(), large.address()));
  auto hung = std::async(std::launch::async, [&] { return Customer(*proxy).Call("", {"hang"}); });
  while (hangs.calls() == 0) std::this_thread::sleep_for(milliseconds(1));
  auto behind = std::async(std::launch::async, [&] { return Customer(*proxy).Call("", {"behind it"}); });
  Customer customer(*proxy);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(customer.Call("large", {"text"}).ok());
  // The control: those of the same model wait all the while.
  EXPECT_EQ(behind.wait_for(milliseconds(0)), std::future_status::timeout);
  hangs.LetGo();
  EXPECT_TRUE(hung.get().ok());
  EXPECT_TRUE(behind.get().ok());
}

TEST(SeveralModels, OneIsOverloadedAndTheOthersCustomersAreAllLetIn) {
  Labeller small("small");
  Labeller slow("large", milliseconds(20));
  ProxyOf proxy(TwoModels(small.address(), slow.address(), "limits { max_queued_requests: 2 max_batch_size: 1 }"));
  std::atomic<int> refused = 0;
  std::atomic<bool> stop = false;
  std::vector<std::jthread> flood;
  for (int i = 0; i < 8; ++i) {
    flood.emplace_back([&] {
      Customer customer(*proxy);
      while (!stop) {
        const auto status = customer.Call("large", {"text"});
        if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused;
      }
    });
  }
  while (refused < 20) std::this_thread::sleep_for(milliseconds(1));
  Customer customer(*proxy);
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(customer.Call("", {"text"}).ok());
  stop = true;
  flood.clear();
  EXPECT_EQ(proxy.StatusOf("").outcomes().rejected(), 0U);
  EXPECT_GE(proxy.StatusOf("large").outcomes().rejected(), 20U);
}

TEST(SeveralModels, LimitsAreThoseOfTheModelAndElseTheCommonOnes) {
  Labeller small("small");
  Labeller large("large");
  ProxyOf proxy("limits { max_batch_size: 2 max_sequence_length: 10 } " +
                TwoModels(small.address(), large.address(), "limits { max_batch_size: 4 }"));
  Customer customer(*proxy);
  const std::vector<std::string> three = {"a", "b", "c"};
  EXPECT_EQ(customer.Call("", three).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(customer.Call("large", three).ok());
  EXPECT_EQ(large.largest_batch(), 3);
  EXPECT_EQ(customer.Call("large", {"longer than ten"}).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(SeveralModels, SettingTheStrategyOfOneLeavesTheOthersAlone) {
  Labeller backend("one");
  ProxyOf proxy(TwoModels(backend.address(), backend.address(), R"(strategy { name: "sjf" })"));
  EXPECT_EQ(proxy.StatusOf("").strategy().name(), "fcfs");
  EXPECT_EQ(proxy.StatusOf("large").strategy().name(), "sjf");
  ASSERT_TRUE(proxy.SetStrategy("large", "weighted_fair").ok());
  EXPECT_EQ(proxy.StatusOf("").strategy().name(), "fcfs");
  EXPECT_EQ(proxy.StatusOf("").generation(), 1U);
  EXPECT_EQ(proxy.StatusOf("large").strategy().name(), "weighted_fair");
  ASSERT_TRUE(proxy.SetStrategy("", "density").ok());
  EXPECT_EQ(proxy.StatusOf("default").strategy().name(), "density");
  EXPECT_EQ(proxy.StatusOf("large").strategy().name(), "weighted_fair");
}

TEST(SeveralModels, DecisionsAndCostsAreKeptApart) {
  Labeller small("small");
  Labeller large("large");
  ProxyOf proxy("cost { fixed: 0.5 } " + TwoModels(small.address(), large.address(), "cost { fixed: 0.25 }"));
  Customer customer(*proxy);
  ASSERT_TRUE(customer.Call("", {"text"}).ok());
  ASSERT_TRUE(customer.Call("large", {"a longer text"}).ok());
  ASSERT_EQ(proxy.DecisionsOf("").decisions_size(), 1);
  ASSERT_EQ(proxy.DecisionsOf("large").decisions_size(), 1);
  EXPECT_THAT(proxy.DecisionsOf("").decisions(0).lengths(), ElementsAre(4));
  EXPECT_THAT(proxy.DecisionsOf("large").decisions(0).lengths(), ElementsAre(13));
  EXPECT_NEAR(proxy.DecisionsOf("").decisions(0).predicted_seconds(), 0.5, 0.01);
  EXPECT_NEAR(proxy.DecisionsOf("large").decisions(0).predicted_seconds(), 0.25, 0.01);
}

TEST(SeveralModels, OnlyTheSeriesOfFurtherOnesHaveTheLabelModel) {
  Labeller backend("one");
  ProxyOf proxy(TwoModels(backend.address(), backend.address()));
  Customer customer(*proxy);
  ASSERT_TRUE(customer.Call("", {"text"}).ok());
  ASSERT_TRUE(customer.Call("large", {"text"}).ok());
  ASSERT_TRUE(customer.Call("large", {"text"}).ok());
  const std::string text = testing::HttpGet(proxy->metrics_address(), "/metrics");
  EXPECT_THAT(text, HasSubstr("\nsmartbatch_requests_offered_total{customer=\"default\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nsmartbatch_requests_offered_total{customer=\"default\",model=\"large\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("model=\"default\"")));
  EXPECT_THAT(text, Not(HasSubstr("smartbatch_build_info{model")));
  const std::string help = "# HELP smartbatch_requests_offered_total ";
  EXPECT_EQ(text.find(help), text.rfind(help)) << "a family is told once";
}

TEST(SeveralModels, EachHasALivePageThatLinksToTheOthers) {
  Labeller backend("one");
  ProxyOf proxy(TwoModels(backend.address(), backend.address(), R"(strategy { name: "sjf" })"));
  EXPECT_THAT(testing::HttpGet(proxy->metrics_address(), "/live.json"),
              AllOf(HasSubstr(R"("model":"default")"), HasSubstr(R"({"model":"large","path":"models/large/"})"),
                    HasSubstr(R"("name":"fcfs")")));
  EXPECT_THAT(testing::HttpGet(proxy->metrics_address(), "/models/large/live.json"),
              AllOf(HasSubstr(R"("model":"large")"), HasSubstr(R"({"model":"default","path":"../../"})"),
                    HasSubstr(R"("name":"sjf")")));
  EXPECT_THAT(testing::HttpGet(proxy->metrics_address(), "/models/large/"), HasSubstr("<title>"));
}

TEST(SeveralModels, AReloadChangesOneOfThemAndCannotAddOne) {
  Labeller small("small");
  Labeller large("large");
  Labeller other("other");
  ProxyOf proxy(TwoModels(small.address(), large.address()));
  proxy.Write(TwoModels(small.address(), other.address(), R"(strategy { name: "sjf" })"));
  proxy->Reload();
  Customer customer(*proxy);
  std::string label;
  ASSERT_TRUE(customer.Call("large", {"text"}, &label).ok());
  EXPECT_EQ(label, "other saw text");
  ASSERT_TRUE(customer.Call("", {"text"}, &label).ok());
  EXPECT_EQ(label, "small saw text");
  EXPECT_EQ(proxy.StatusOf("").strategy().name(), "fcfs");
  EXPECT_EQ(proxy.StatusOf("large").strategy().name(), "sjf");
  proxy.Write(TwoModels(large.address(), other.address(), R"(strategy { name: "sjf" })") +
              R"( models { name: "third" backends { address: "127.0.0.1:1" } })");
  proxy->Reload();
  ASSERT_TRUE(customer.Call("", {"text"}, &label).ok());
  EXPECT_EQ(label, "small saw text") << "nothing of what was refused holds";
  EXPECT_EQ(customer.Call("third", {"text"}).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(SeveralModels, TheProxyServesForItsHealthChecksWhileOneOfThemCanBeReached) {
  auto small = std::make_unique<Labeller>("small");
  auto large = std::make_unique<Labeller>("large");
  ProxyOf proxy("failures { unavailable_after_seconds: 0.1 } health_check_seconds: 0.05 " +
                TwoModels(small->address(), large->address()));
  Customer customer(*proxy);
  ASSERT_TRUE(customer.Call("", {"text"}).ok());
  small.reset();
  const auto end = steady_clock::now() + kPatience;
  while (customer.Call("", {"text"}).error_code() != grpc::StatusCode::UNAVAILABLE && steady_clock::now() < end) {
  }
  std::this_thread::sleep_for(milliseconds(300));  // three looks at who can be reached
  EXPECT_TRUE(proxy.IsServing());
  EXPECT_TRUE(customer.Call("large", {"text"}).ok());
  large.reset();
  while (proxy.IsServing() && steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_FALSE(proxy.IsServing());
}

TEST(SeveralModels, AStopAnswersWhatWasAcceptedForEachOfThem) {
  ScriptedClassifier small;
  ScriptedClassifier large;
  ProxyOf proxy(TwoModels(small.address(), large.address()));
  std::vector<std::future<grpc::Status>> calls;
  for (const char* const model : {"", "large"}) {
    calls.push_back(std::async(std::launch::async, [&, model] { return Customer(*proxy).Call(model, {"hang"}); }));
  }
  while (small.calls() == 0 || large.calls() == 0) std::this_thread::sleep_for(milliseconds(1));
  auto stopped = std::async(std::launch::async, [&] {
    const program::SignalWaiter no_signals({});
    program::StopTime time(no_signals, kPatience);
    proxy->Stop(time);
  });
  small.LetGo();
  EXPECT_TRUE(calls[0].get().ok());
  EXPECT_EQ(stopped.wait_for(milliseconds(100)), std::future_status::timeout) << "it waits for the other one";
  large.LetGo();
  EXPECT_TRUE(calls[1].get().ok());
  stopped.get();
}

}  // namespace
}  // namespace smartbatch::proxy
