// Callers leave nothing behind, however many they are and however they go.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <gmock/gmock.h>

#include "tests/integration/stack.h"
#include "tests/reliability/raw_connection.h"
#include "tests/reliability/scale.h"

#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer) || __has_feature(address_sanitizer)
#define SMARTBATCH_NEEDS_DESCRIPTORS
#endif
#endif

namespace smartbatch::testing {
namespace {

double Gauge(const ProxyProcess& proxy, const std::string& name) { return proxy.Metrics().Value(name).value_or(-1); }

TEST(Bounds, TwoThousandConnectionsThatAreDroppedInTheMiddleOfACallLeaveNothingBehind) {
  constexpr std::size_t kWaves = 10;
  constexpr std::size_t kInAWave = 200;
  ClassifierProcess classifier({"--cost-fixed", "0.05", "--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "density"});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  const double descriptors = Gauge(proxy, "process_open_fds");
  for (std::size_t wave = 0; wave < kWaves; ++wave) {
    const std::uint64_t offered = proxy.Status().outcomes().offered();
    std::vector<RawConnection> connections;
    for (std::size_t i = 0; i < kInAWave; ++i) {
      connections.emplace_back(proxy.address());
      ASSERT_TRUE(connections.back().Call("dropped-" + std::to_string(i % 5)));
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (proxy.Status().outcomes().offered() < offered + kInAWave) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
    // Half of them with a reset, half with an orderly end.
    for (std::size_t i = 0; i < kInAWave; i += 2) connections[i].Drop();
    connections.clear();
    ASSERT_TRUE(proxy.WaitForUnfinished(0));
  }
  const auto status = proxy.Status();
  EXPECT_EQ(status.outcomes().offered(), 1 + kWaves * kInAWave);
  EXPECT_EQ(status.outcomes().answered() + status.outcomes().cancelled(), 1 + kWaves * kInAWave);
  EXPECT_GT(status.outcomes().cancelled(), kWaves * kInAWave / 2);
  EXPECT_EQ(status.queued_requests(), 0U);
  EXPECT_EQ(status.customers_size(), 1 + 5);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (Gauge(proxy, "process_open_fds") > descriptors + 2 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_LE(Gauge(proxy, "process_open_fds"), descriptors + 2);  // the scrape itself has one
  EXPECT_TRUE(proxy.Classify({"x"}).status.ok());
}

// Not with the undefined behaviour sanitizer: it tests through a pipe whether memory can be read, and without a
// descriptor for that pipe it reports every object with virtual functions as wrong.
#ifndef SMARTBATCH_NEEDS_DESCRIPTORS
TEST(Bounds, ConnectionsBeyondTheDescriptorsOfTheProcessDoNotEndItsAccepting) {
  ClassifierProcess classifier;
  ProxyProcess proxy(classifier.address(), {});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  rlimit of_this_process{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &of_this_process), 0);
  EXPECT_EQ(Gauge(proxy, "process_max_fds"), static_cast<double>(of_this_process.rlim_max)) << "takes what it may have";
  const auto descriptors = static_cast<rlim_t>(Gauge(proxy, "process_open_fds"));
  const rlimit few{descriptors + 20, descriptors + 20};
  ASSERT_EQ(prlimit(proxy.process().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  std::list<RawConnection> connections;
  for (int i = 0; i < 60; ++i) {
    connections.emplace_back(proxy.address());
    connections.back().Call("many");  // on the accepted connections
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  connections.clear();
  // A new connection each time: open connections prove nothing.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool answered = false;
  while (!answered && std::chrono::steady_clock::now() < deadline) {
    RawConnection connection(proxy.address());
    answered = connection.Call("after") && connection.WaitForEnds(1);
  }
  EXPECT_TRUE(answered);
}
#endif

TEST(Bounds, TenThousandCallsAreHeldAtOnceAndAllAreAnswered) {
  constexpr std::size_t kConnections = 20;
  constexpr std::size_t kOnEach = 500;
  ClassifierProcess classifier({"--cost-quadratic", "0", "--max-batch-size", "64"});
  // It is frozen until all calls are there, and the proxy must not detect that.
  ProxyProcess proxy(classifier.address(), {"--strategy", "density", "--max-batch-size", "64",
                                            "--batch-timeout-seconds", "120", "--health-check-seconds", "0"});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  classifier.process().Signal(SIGSTOP);
  std::vector<RawConnection> connections;
  for (std::size_t i = 0; i < kConnections; ++i) {
    connections.emplace_back(proxy.address());
    for (std::size_t call = 0; call < kOnEach; ++call) {
      ASSERT_TRUE(connections.back().Call("customer-" + std::to_string(call % 10)));
    }
  }
  ASSERT_TRUE(proxy.WaitForUnfinished(kConnections * kOnEach));
  const auto held = proxy.Status();
  std::printf("%llu calls held, %.1f MB resident\n", static_cast<unsigned long long>(held.queued_requests()),
              Gauge(proxy, "process_resident_memory_bytes") / 1e6);
  EXPECT_GE(held.queued_requests(), kConnections * kOnEach - 64);
  classifier.process().Signal(SIGCONT);
  for (RawConnection& connection : connections) ASSERT_TRUE(connection.WaitForEnds(kOnEach));
  EXPECT_EQ(proxy.Status().outcomes().answered(), 1 + kConnections * kOnEach);
}

TEST(Bounds, RequestsOfMadeUpCustomersLeaveMemoryAndSeriesBounded) {
  constexpr std::size_t kAtOnce = 500;
  // SMARTBATCH_TEST_REQUESTS is the number of requests, 1000000 for the full test; a tenth as many customers send them.
  const std::size_t requests = Scale("SMARTBATCH_TEST_REQUESTS", 60'000, 60'000);
  const std::size_t customers = requests / 10;
  ClassifierProcess classifier({"--cost-quadratic", "0", "--max-batch-size", "64"});
  ProxyProcess proxy(classifier.address(), {"--strategy", "density", "--max-batch-size", "64"});
  RawConnection connection(proxy.address());
  double memory_at_half = 0;
  for (std::size_t sent = 0; sent < requests; sent += kAtOnce) {
    for (std::size_t i = sent; i < sent + kAtOnce; ++i) {
      ASSERT_TRUE(connection.Call("made-up-" + std::to_string(i % customers)));
    }
    ASSERT_TRUE(connection.WaitForEnds(kAtOnce));
    if (sent < requests / 2 && sent + kAtOnce >= requests / 2)
      memory_at_half = Gauge(proxy, "process_resident_memory_bytes");
  }
  const auto status = proxy.Status();
  EXPECT_EQ(status.outcomes().answered(), status.outcomes().offered());
  EXPECT_GE(status.outcomes().offered(), requests);
  const Scrape metrics = proxy.Metrics();
  // 100 customers have series of their own, and one series is for all the others.
  const double series = metrics.Count("smartbatch_request_duration_seconds_count");
  EXPECT_EQ(series, 101);
  EXPECT_GT(metrics.Sum("smartbatch_customers_overflowed_total"), static_cast<double>(requests) * 0.5);
  const double memory = metrics.Value("process_resident_memory_bytes").value_or(0);
  RecordProperty("resident_megabytes", static_cast<int>(memory / 1e6));
  std::printf("%zu requests of %zu customers: %.1f MB resident at half, %.1f MB at the end, %.0f latency series\n",
              requests, customers, memory_at_half / 1e6, memory / 1e6, series);
  EXPECT_LT(memory, SMARTBATCH_MOST_BYTES);
  // The memory that the allocator keeps for calls that are open at once varies by about 10 MB.
  EXPECT_LT(memory, memory_at_half + SMARTBATCH_MOST_GROWTH_BYTES);
}

}  // namespace
}  // namespace smartbatch::testing
