// Two models behind one real proxy, under load.
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "services/rpc/status_details.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

bool ComesTrue(const std::function<bool()>& holds) {
  const auto deadline = steady_clock::now() + seconds(20);
  while (!holds()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

TEST(TwoModels, AKilledBackendAndSwitchesHarmTheCustomersOfThatModelOnly) {
  const Flags quick = {"--cost-fixed", "0.002", "--cost-quadratic", "0"};
  ClassifierProcess first(quick);
  auto second = std::make_unique<ClassifierProcess>(quick);
  const std::string file = ::testing::TempDir() + "models-" + std::to_string(getpid()) + ".textproto";
  std::ofstream(file) << "backends { address: \"" << first.address() << "\" } strategy { name: \"fcfs\" }\n"
                      << "models { name: \"second\" backends { address: \"" << second->address() << "\" } }\n";
  ProxyProcess proxy("", {"--config", file});
  Load to_first(proxy.address(), {.callers = 8});
  Load to_second(proxy.address(), {.callers = 8, .model = "second"});
  const auto answered = [](const Load& load) { return load.ended(grpc::StatusCode::OK); };
  ASSERT_TRUE(ComesTrue([&] { return answered(to_first) > 200 && answered(to_second) > 200; }));

  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    proxy::v1::SetStrategyRequest request;
    request.set_model("second");
    request.set_strategy(i % 2 == 0 ? "weighted_fair" : "sjf");
    proxy::v1::SetStrategyResponse response;
    const grpc::Status status = proxy.admin().SetStrategy(&context, request, &response);
    ASSERT_TRUE(status.ok()) << rpc::Describe(status);
  }
  second.reset();
  ASSERT_TRUE(ComesTrue([&] { return to_second.ended(grpc::StatusCode::UNAVAILABLE) > 20; })) << to_second.Describe();
  const std::uint64_t enough = answered(to_first) + 200;
  EXPECT_TRUE(ComesTrue([&] { return answered(to_first) > enough; }));
  to_first.Stop();
  to_second.Stop();

  EXPECT_EQ(to_first.wrong(), 0U);
  EXPECT_EQ(to_second.wrong(), 0U);
  EXPECT_EQ(answered(to_first), to_first.issued()) << to_first.Describe();
  const auto status = proxy.Status();
  EXPECT_EQ(status.outcomes().answered(), answered(to_first));
  EXPECT_EQ(status.outcomes().offered(), to_first.issued());
  EXPECT_EQ(status.strategy().name(), "fcfs");
  EXPECT_EQ(status.generation(), 1U);
  const Scrape metrics = proxy.Metrics();
  EXPECT_EQ(metrics.Sum("smartbatch_requests_offered_total", R"(model="second")"),
            static_cast<double>(to_second.issued()));
  EXPECT_EQ(metrics.Sum("smartbatch_requests_offered_total"),
            static_cast<double>(to_first.issued() + to_second.issued()));
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace smartbatch::testing
