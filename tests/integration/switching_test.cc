// Two thousand changes of strategy under load: nothing is lost and nothing is counted twice.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "services/rpc/status_details.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

std::vector<std::string> StrategiesOf(ProxyProcess& proxy) {
  grpc::ClientContext context;
  proxy::v1::ListStrategiesResponse response;
  EXPECT_TRUE(proxy.admin().ListStrategies(&context, {}, &response).ok());
  std::vector<std::string> names;
  for (const auto& strategy : response.strategies()) names.push_back(strategy.name());
  return names;
}

TEST(Switching, TwoThousandSwitchesUnderLoadLoseNothingAndDoubleNothing) {
  constexpr std::size_t kSwitches = 2000;
  ClassifierProcess classifier({"--cost-quadratic", "3e-7"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "fcfs", "--max-queued-requests", "16", "--slots", "2"});
  const std::vector<std::string> strategies = StrategiesOf(proxy);
  ASSERT_GE(strategies.size(), 3U);
  Load load(proxy.address(), {.callers = 48, .impatient_share = 0.2, .cancelled_share = 0.2});
  const auto refused = [&] { return load.ended(grpc::StatusCode::RESOURCE_EXHAUSTED); };
  for (std::size_t i = 0; i < kSwitches; ++i) {
    if (i == kSwitches / 2) {
      // Under a sanitizer the callers are too slow to fill the queue by themselves.
      classifier.process().Signal(SIGSTOP);
      const std::uint64_t enough = refused() + 20;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      while (refused() < enough && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      classifier.process().Signal(SIGCONT);
      ASSERT_GE(refused(), enough) << load.Describe();
    }
    const grpc::Status status = proxy.SetStrategy(strategies[i % strategies.size()]);
    ASSERT_TRUE(status.ok()) << rpc::Describe(status);
  }
  load.Stop();
  ASSERT_TRUE(proxy.WaitForUnfinished(0));

  // The callers' count: every call ended, and none with another's answer.
  EXPECT_EQ(load.ended(), load.issued());
  EXPECT_EQ(load.wrong(), 0U);
  const std::uint64_t answered = load.ended(grpc::StatusCode::OK);
  const std::uint64_t rejected = refused();
  const std::uint64_t expired = load.ended(grpc::StatusCode::DEADLINE_EXCEEDED);
  const std::uint64_t cancelled = load.ended(grpc::StatusCode::CANCELLED);
  EXPECT_EQ(answered + rejected + expired + cancelled, load.issued());
  // Each way to end occurred often enough to mean something.
  EXPECT_GT(answered, 100U);
  EXPECT_GT(rejected, 10U);
  EXPECT_GT(expired, 10U);
  EXPECT_GT(cancelled, 10U);

  // The proxy's count. A call that its caller ended early may never have reached the scheduler, or may have been
  // answered meanwhile; all others are counted equally on both sides.
  const auto status = proxy.Status();
  const auto& outcomes = status.outcomes();
  EXPECT_EQ(outcomes.offered(), outcomes.answered() + outcomes.rejected() + outcomes.expired() + outcomes.cancelled() +
                                    outcomes.backend_failed() + outcomes.shut_down() + outcomes.shed());
  EXPECT_LE(outcomes.offered(), load.issued());
  EXPECT_GE(outcomes.offered() + expired + cancelled, load.issued());
  EXPECT_GE(outcomes.answered(), answered);
  EXPECT_LE(outcomes.answered(), answered + expired + cancelled);
  EXPECT_EQ(outcomes.backend_failed(), 0U);
  EXPECT_EQ(outcomes.shut_down(), 0U);
  EXPECT_EQ(status.generation(), 1 + kSwitches);

  // The metrics' count is the proxy's.
  const Scrape metrics = proxy.Metrics();
  EXPECT_EQ(metrics.Sum("smartbatch_requests_offered_total"), static_cast<double>(outcomes.offered()));
  EXPECT_EQ(metrics.Sum("smartbatch_requests_total"), static_cast<double>(outcomes.offered()));
  EXPECT_EQ(metrics.Sum("smartbatch_requests_total", R"(code="OK")"), static_cast<double>(outcomes.answered()));
  EXPECT_EQ(metrics.Sum("smartbatch_requests_total", R"(code="CANCELLED")"), static_cast<double>(outcomes.cancelled()));
  EXPECT_EQ(metrics.Sum("smartbatch_rejected_total"), static_cast<double>(outcomes.rejected()));
  EXPECT_EQ(metrics.Sum("smartbatch_requests_total", R"(code="DEADLINE_EXCEEDED")"),
            static_cast<double>(outcomes.expired()) + metrics.Sum("smartbatch_rejected_total", "deadline_"));
  EXPECT_EQ(metrics.Sum("smartbatch_request_duration_seconds_count"), static_cast<double>(outcomes.answered()));
}

}  // namespace
}  // namespace smartbatch::testing
