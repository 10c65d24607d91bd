// The whole proxy in the test's own process: how it starts, reloads, drains and hands over, in front of a scripted
// backend.
#include "services/proxy/proxy.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "services/proxy/runtime/clock.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"
#include "tests/proxy/transport/backends/scripted_classifier.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ScriptedClassifier;

constexpr seconds kPatience{20};

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void SetDeadline(grpc::ClientContext& context, milliseconds timeout = kPatience) {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
}

grpc::Status Call(v1::ProxyService::Stub& stub, const std::string& text, std::string* label = nullptr,
                  milliseconds timeout = kPatience) {
  grpc::ClientContext context;
  SetDeadline(context, timeout);
  v1::ProxyClassifyRequest request;
  request.add_sequences(text);
  v1::ProxyClassifyResponse response;
  const grpc::Status status = stub.ProxyClassify(&context, request, &response);
  if (label != nullptr && response.results_size() > 0) *label = response.results(0).label();
  return status;
}

class WholeProxy : public ::testing::Test {
 protected:
  WholeProxy() {
    config_.settings.set_listen("127.0.0.1:0");
    config_.settings.set_admin_listen("127.0.0.1:0");
    config_.settings.set_metrics_listen("127.0.0.1:0");
    config_.settings.mutable_backends(0)->set_address(backend_.address());
    config_.settings.mutable_strategy()->set_name("fcfs");
    (*config_.settings.mutable_strategy()->mutable_parameters())["linger_ms"] = "0";
  }

  // As the configuration says now; later changes of it are what a reload reads.
  std::unique_ptr<Proxy> Start(const net::Handover& handover = {}) {
    auto proxy = Proxy::Start(
        config_, handover, [this] { return read_; }, clock_);
    EXPECT_TRUE(proxy.ok()) << proxy.status();
    return *std::move(proxy);
  }
  static void Stop(Proxy& proxy, seconds limit) {
    const program::SignalWaiter no_signals({});
    program::StopTime time(no_signals, limit);
    proxy.Stop(time);
  }
  static std::unique_ptr<v1::ProxyService::Stub> StubTo(const Proxy& proxy) {
    return v1::ProxyService::NewStub(ChannelTo(proxy.address()));
  }
  static v1::GetStatusResponse StatusOf(const Proxy& proxy) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::GetStatusResponse response;
    const auto status = v1::AdminService::NewStub(ChannelTo(proxy.admin_address()))->GetStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  // A call that the backend keeps until LetGo.
  std::future<grpc::Status> Hang(v1::ProxyService::Stub& stub) {
    const int before = backend_.calls();
    auto call = std::async(std::launch::async, [&stub] { return Call(stub, "hang"); });
    while (backend_.calls() == before) std::this_thread::sleep_for(milliseconds(1));
    return call;
  }
  static void WaitUntilQueued(const Proxy& proxy, std::uint64_t requests) {
    while (StatusOf(proxy).queued_requests() < requests) std::this_thread::sleep_for(milliseconds(1));
  }

  const runtime::SteadyClock clock_;
  ScriptedClassifier backend_;
  Config config_;
  absl::StatusOr<Config> read_ = absl::InternalError("the test has not said what the file holds");
};

TEST_F(WholeProxy, AnswersWhatItsBackendAnswers) {
  const auto proxy = Start();
  std::string label;
  ASSERT_TRUE(Call(*StubTo(*proxy), "a text", &label).ok());
  EXPECT_EQ(label, "label of a text");
}

TEST_F(WholeProxy, EndsWhatIsThereWhenItIsDestroyedWithoutAStop) {
  auto proxy = Start();
  const auto stub = StubTo(*proxy);
  auto call = Hang(*stub);
  proxy.reset();
  EXPECT_EQ(call.get().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(WholeProxy, DoesNotStartOnAnAddressThatIsTaken) {
  const auto first = Start();
  v1::ProxyConfig& settings = config_.settings;
  for (std::string* const address :
       {settings.mutable_listen(), settings.mutable_admin_listen(), settings.mutable_metrics_listen()}) {
    *address = first->address();
    const auto second = Proxy::Start(config_, {}, {}, clock_);
    EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
    EXPECT_THAT(std::string(second.status().message()), HasSubstr(first->address()));
    *address = "127.0.0.1:0";
  }
  EXPECT_TRUE(Call(*StubTo(*first), "still served").ok());
}

TEST_F(WholeProxy, ReloadBringsInBackendsLimitsAndCustomersAtOnce) {
  const auto proxy = Start();
  const auto stub = StubTo(*proxy);
  ASSERT_TRUE(Call(*stub, "to the first").ok());
  ScriptedClassifier other;
  read_ = config_;
  read_->settings.mutable_backends(0)->set_address(other.address());
  read_->settings.mutable_backends(0)->set_slots(3);
  v1::CustomerConfig& customer = *read_->settings.add_customers();
  customer.set_name("default");
  customer.set_weight(7);
  read_->settings.set_drain_seconds(3);
  proxy->Reload();
  ASSERT_TRUE(Call(*stub, "to the other").ok());
  EXPECT_EQ(backend_.calls(), 1);
  EXPECT_EQ(other.calls(), 1);
  const auto status = StatusOf(*proxy);
  ASSERT_EQ(status.backends_size(), 1);
  EXPECT_EQ(status.backends(0).address(), other.address());
  EXPECT_EQ(status.backends(0).slots(), 3U);
  ASSERT_EQ(status.customers_size(), 1);
  EXPECT_EQ(status.customers(0).weight(), 7);
  EXPECT_EQ(proxy->drain_seconds(), 3);
}

TEST_F(WholeProxy, ReloadWithOneSettingThatNeedsARestartChangesNothingAtAll) {
  const auto proxy = Start();
  read_ = config_;
  read_->settings.mutable_backends(0)->set_slots(3);
  read_->settings.set_threads(2);
  proxy->Reload();
  EXPECT_EQ(StatusOf(*proxy).backends(0).slots(), 1U);
  read_->settings.set_threads(config_.settings.threads());
  proxy->Reload();
  EXPECT_EQ(StatusOf(*proxy).backends(0).slots(), 3U);
}

TEST_F(WholeProxy, ReloadKeepsTheOperatorsStrategyUnlessTheFileNamesAnother) {
  const auto proxy = Start();
  grpc::ClientContext context;
  SetDeadline(context);
  v1::SetStrategyRequest request;
  request.set_strategy("sjf");
  v1::SetStrategyResponse response;
  const auto admin = v1::AdminService::NewStub(ChannelTo(proxy->admin_address()));
  ASSERT_TRUE(admin->SetStrategy(&context, request, &response).ok());
  read_ = config_;
  read_->settings.set_drain_seconds(3);
  proxy->Reload();
  EXPECT_EQ(StatusOf(*proxy).strategy().name(), "sjf");
  read_->settings.clear_strategy();
  read_->settings.mutable_strategy()->set_name("weighted_fair");
  proxy->Reload();
  EXPECT_EQ(StatusOf(*proxy).strategy().name(), "weighted_fair");
}

TEST_F(WholeProxy, StopAnswersWhatWasAcceptedAndRefusesWhatComesThen) {
  const auto proxy = Start();
  const auto stub = StubTo(*proxy);
  auto at_the_backend = Hang(*stub);
  auto waiting = std::async(std::launch::async, [&] { return Call(*stub, "waits"); });
  WaitUntilQueued(*proxy, 1);
  auto stopped = std::async(std::launch::async, [&] { Stop(*proxy, kPatience); });
  grpc::Status late;
  do {  // one that comes before the stop begins waits in vain
    late = Call(*stub, "late", nullptr, milliseconds(20));
  } while (late.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(late.error_code(), grpc::StatusCode::UNAVAILABLE) << late.error_message();
  EXPECT_EQ(stopped.wait_for(milliseconds(0)), std::future_status::timeout) << "it waits for what was accepted";
  backend_.LetGo();
  stopped.get();
  EXPECT_TRUE(at_the_backend.get().ok());
  EXPECT_TRUE(waiting.get().ok());
}

TEST_F(WholeProxy, StopEndsWhatIsLeftWhenItsTimeIsOver) {
  const auto proxy = Start();
  const auto stub = StubTo(*proxy);
  auto at_the_backend = Hang(*stub);
  auto waiting = std::async(std::launch::async, [&] { return Call(*stub, "waits"); });
  WaitUntilQueued(*proxy, 1);
  Stop(*proxy, seconds(0));
  EXPECT_EQ(at_the_backend.get().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(waiting.get().error_code(), grpc::StatusCode::UNAVAILABLE);
}

// Callers without pause, on connections that they keep.
class CallersMeanwhile {
 public:
  explicit CallersMeanwhile(const std::string& address) {
    for (int i = 0; i < 4; ++i) {
      threads_.emplace_back([this, channel = ChannelTo(address)](const std::stop_token& stop) {
        const auto stub = v1::ProxyService::NewStub(channel);
        while (!stop.stop_requested()) ++(Call(*stub, "text").ok() ? answered_ : failed_);
      });
    }
  }
  void WaitForAnswers(int more) const {
    const int enough = answered_ + more;
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (answered_ < enough && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
    EXPECT_GE(answered_, enough);
  }
  int End() {
    threads_.clear();
    return failed_;
  }

 private:
  std::atomic<int> answered_ = 0;
  std::atomic<int> failed_ = 0;
  std::vector<std::jthread> threads_;
};

TEST_F(WholeProxy, HandsItsCallersOverToTheOneThatFollowsWithoutAFailure) {
  const net::Handover shared{.share_ports = true, .inherited = nullptr};
  auto first = Start(shared);
  CallersMeanwhile callers(first->address());
  callers.WaitForAnswers(100);
  ScriptedClassifier other;
  config_.settings.set_listen(first->address());
  config_.settings.set_admin_listen(first->admin_address());
  config_.settings.set_metrics_listen(first->metrics_address());
  config_.settings.mutable_backends(0)->set_address(other.address());
  const auto second = Start(shared);
  Stop(*first, kPatience);
  first.reset();
  callers.WaitForAnswers(100);
  EXPECT_EQ(callers.End(), 0);
  EXPECT_GE(other.calls(), 1);
}

// The control: without a process that follows, the same callers see failures.
TEST_F(WholeProxy, WithoutAnotherOneItsCallersSeeTheStop) {
  const auto proxy = Start();
  CallersMeanwhile callers(proxy->address());
  callers.WaitForAnswers(100);
  Stop(*proxy, kPatience);
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_GT(callers.End(), 0);
}

}  // namespace
}  // namespace smartbatch::proxy
