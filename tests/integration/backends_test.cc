// Classifiers that are replaced, go away or send too much, behind the real proxy.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>

#include "services/rpc/status_details.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"
#include "tests/support/raw_classifier.h"

namespace smartbatch::testing {
namespace {

using classifier::v1::ClassifyRequest;
using grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

bool Happens(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

TEST(ARollingReload, LosesNoCall) {
  const std::string file = ::testing::TempDir() + "rolling-" + std::to_string(getpid()) + ".textproto";
  const auto write = [&](const std::string& address, int slots) {
    std::ofstream(file) << "backends { address: \"" << address << "\" slots: " << slots << " }\n";
  };
  const Flags quick = {"--cost-fixed", "0.005", "--cost-quadratic", "0"};
  auto serving = std::make_unique<ClassifierProcess>(quick);
  write(serving->address(), 1);
  ProxyProcess proxy("", {"--strategy", "density", "--config", file, "--cost-fixed", "0.005"});
  const auto reload = [&](const std::string& address, int slots) {
    write(address, slots);
    proxy.process().Signal(SIGHUP);
    EXPECT_TRUE(Happens([&] {
      const auto status = proxy.Status();
      return status.backends_size() == 1 && status.backends(0).address() == address &&
             status.backends(0).slots() == static_cast<std::uint32_t>(slots);
    }));
  };
  Load load(proxy.address(), {.callers = 24});
  for (int round = 0; round < 10; ++round) {
    reload(serving->address(), 2);
    reload(serving->address(), 1);
    auto next = std::make_unique<ClassifierProcess>(quick);
    reload(next->address(), 1);
    serving->process().Signal(SIGTERM);  // it finishes what it has
    serving->process().Wait();
    serving = std::move(next);
  }
  load.Stop();
  std::remove(file.c_str());
  EXPECT_GT(load.issued(), 100U);
  EXPECT_EQ(load.ended(grpc::StatusCode::OK), load.issued()) << load.Describe();
  EXPECT_EQ(load.wrong(), 0U);
}

TEST(AQuietCustomer, IsServedWhileAnothersRepliesAreTooLarge) {
  std::atomic<int> turn = 0;
  const RawClassifier only([&](const ClassifyRequest& request) {
    RawClassifier::Reply reply{.message = RightAnswerTo(request).SerializeAsString()};
    for (const std::string& text : request.sequences()) {
      if (text != "large") continue;
      const int way = turn++ % 3;
      if (way == 0) reply.message = std::string(5'000'000, '\xff');
      if (way == 1) reply.status = {grpc::StatusCode::INTERNAL, std::string(20'000, 'x')};
      if (way == 2) reply.trailing_metadata = {{"x-large", std::string(20'000, 'x')}};
      if (way == 2) reply.status = {grpc::StatusCode::INTERNAL, "see x-large"};
    }
    return reply;
  });
  ProxyProcess proxy(only.address(), {"--strategy", "sjf", "--cost-fixed", "0.001", "--health-check-seconds", "0"});
  std::atomic<std::uint64_t> large = 0;
  std::jthread loud([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      EXPECT_EQ(proxy.Classify({"large"}, "loud").status.error_code(), grpc::StatusCode::INTERNAL);
      ++large;
    }
  });
  for (int i = 0; i < 300 || large < 30; ++i) {
    const auto seen = proxy.Classify({"small"}, "quiet");
    ASSERT_TRUE(seen.status.ok()) << i << ": " << rpc::Describe(seen.status);
    ASSERT_EQ(seen.response.results(0).label(), "right-small");
  }
  loud = {};
  EXPECT_GT(proxy.Metrics().Sum("smartbatch_backend_failed_batches_total", "code=\"INTERNAL\""), 0);
  EXPECT_EQ(proxy.Metrics().Sum("smartbatch_backend_failed_batches_total", "code=\"RESOURCE_EXHAUSTED\""), 0);
}

TEST(Health, SaysNotServingWhileNoClassifierCanBeReachedAndTheServerAsAWholeServes) {
  auto classifier = std::make_unique<ClassifierProcess>();
  const std::string address = classifier->address();
  ProxyProcess proxy(address, {"--strategy", "sjf", "--health-check-seconds", "0.1"});
  EXPECT_EQ(proxy.Health(), HealthCheckResponse::SERVING);
  classifier.reset();
  EXPECT_TRUE(Happens([&] { return proxy.Health() == HealthCheckResponse::NOT_SERVING; }));
  EXPECT_EQ(proxy.Health(""), HealthCheckResponse::SERVING) << "nobody shall restart the proxy for it";
  classifier = std::make_unique<ClassifierProcess>(Flags{}, address);
  EXPECT_TRUE(Happens([&] { return proxy.Health() == HealthCheckResponse::SERVING; }));
  EXPECT_TRUE(proxy.Classify({"x"}).status.ok());
}

TEST(AClassifier, ThatDoesNotLetTheProxyInDoesNotReadAsIfTheCallerWereAtFault) {
  for (const grpc::StatusCode code : {grpc::StatusCode::UNAUTHENTICATED, grpc::StatusCode::PERMISSION_DENIED}) {
    const RawClassifier strict([code](const ClassifyRequest&) {
      return RawClassifier::Reply{.message = {}, .status = {code, "who is that?"}};
    });
    ProxyProcess proxy(strict.address(), {"--strategy", "sjf", "--health-check-seconds", "0"});
    const grpc::Status status = proxy.Classify({"x"}).status;
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL) << rpc::Describe(status);
    EXPECT_THAT(rpc::Describe(status), HasSubstr("BACKEND_FAILED"));
    EXPECT_THAT(status.error_details(), HasSubstr(rpc::CodeName(code))) << "backend_code has it";
  }
}

}  // namespace
}  // namespace smartbatch::testing
