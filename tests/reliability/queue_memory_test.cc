// What a queued request and an idle customer take of the proxy's memory, at the size that the default limits allow.
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/integration/stack.h"
#include "tests/reliability/raw_connection.h"
#include "tests/reliability/resident_memory.h"

namespace smartbatch::testing {
namespace {

constexpr std::size_t kCallers = 25;

// Calls `count` times, on all connections in turn. Returns false if a connection has ended, or if the proxy does not
// see the calls.
bool CallMany(ProxyProcess& proxy, std::vector<RawConnection>& connections, std::size_t count, const RawCall& call) {
  constexpr std::size_t kAtOnce = 200;
  const std::uint64_t before = proxy.Status().outcomes().offered();
  for (std::size_t sent = 0; sent < count;) {
    if (!connections[sent % connections.size()].Call(call)) return false;
    if (++sent % kAtOnce == 0 && !HasSeen(proxy, before + sent)) return false;
  }
  return HasSeen(proxy, before + count);
}

struct Held {
  std::size_t requests = 0;
  std::size_t bytes_of_a_text = 0;
};

class QueueMemory : public ::testing::TestWithParam<Held> {};

// docs/OPERATIONS.md, "Memory", has the lines that this prints.
TEST_P(QueueMemory, ARequestTakesSixteenKibibytesAndATenthMoreThanItsTextAndGivesThemBack) {
  const auto [requests, bytes_of_a_text] = GetParam();
  // All requests are of one length and cost the same, so that no limit but that of the number is near.
  ClassifierProcess classifier({"--cost-quadratic", "0", "--max-batch-size", "64"});
  ProxyProcess proxy(classifier.address(),
                     {"--cost-quadratic", "0", "--max-batch-size", "64", "--slots", "1", "--max-queued-bytes",
                      "4294967296", "--max-queued-bytes-per-customer", "4294967296", "--batch-timeout-seconds", "600",
                      "--health-check-seconds", "0"});
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());
  classifier.process().Signal(SIGSTOP);
  std::vector<RawConnection> connections;
  for (std::size_t i = 0; i < kCallers; ++i) connections.emplace_back(proxy.address());
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until it is frozen
  const double before = Resident(proxy);
  ASSERT_TRUE(CallMany(proxy, connections, requests, {.bytes_of_a_text = bytes_of_a_text}));
  const double full = MostResident(proxy);
  const auto status = proxy.Status();
  EXPECT_GE(status.queued_requests() + 64, requests);
  EXPECT_EQ(status.outcomes().rejected(), 0U);

  classifier.process().Signal(SIGCONT);
  for (RawConnection& connection : connections) ASSERT_TRUE(connection.WaitForEnds(requests / kCallers));
  EXPECT_EQ(proxy.Status().outcomes().answered(), requests + 1);
  Within(std::chrono::seconds(10), [&] { return Resident(proxy) < before + 30; });
  const double afterwards = Resident(proxy);

  const double bytes = (full - before) * kMiB / static_cast<double>(requests);
  std::printf("| %zu × %zu B | %.0f | %.0f | %.0f | %.0f |\n", requests, bytes_of_a_text, before, full, afterwards,
              bytes);
  EXPECT_LE(bytes, 16.0 * 1024 + 1.1 * static_cast<double>(bytes_of_a_text));
  EXPECT_LT(afterwards - before, 0.1 * (full - before)) << "what was freed was not given back";
}

INSTANTIATE_TEST_SUITE_P(Requests, QueueMemory,
                         ::testing::Values(Held{.requests = 50'000, .bytes_of_a_text = 100},
                                           Held{.requests = 20'000, .bytes_of_a_text = 10'000}),
                         [](const auto& held) {
                           return std::to_string(held.param.requests) + "Of" +
                                  std::to_string(held.param.bytes_of_a_text) + "Bytes";
                         });

// All accounts are kept: no more than the scheduler's limit on idle ones. The first half of the customers warms the
// proxy up, so that what calls leave behind is not taken for the customers'.
TEST(CustomerMemory, AnIdleCustomerTakesLessThanAKibibyte) {
  constexpr std::size_t kCustomers = 4'000;
  constexpr std::size_t kAtOnce = 100;
  ClassifierProcess classifier({"--cost-quadratic", "0", "--max-batch-size", "64"});
  ProxyProcess proxy(classifier.address(), {"--cost-quadratic", "0", "--max-batch-size", "64"});
  RawConnection connection(proxy.address());
  const auto serve = [&](std::size_t first) {
    for (std::size_t sent = first; sent < first + kCustomers; sent += kAtOnce) {
      for (std::size_t i = sent; i < sent + kAtOnce; ++i) {
        if (!connection.Call("customer-" + std::to_string(i))) return false;
      }
      if (!connection.WaitForEnds(kAtOnce)) return false;
    }
    return true;
  };
  ASSERT_TRUE(serve(0));
  const double before = Resident(proxy);
  ASSERT_TRUE(serve(kCustomers));
  const double after = Resident(proxy);
  const double bytes = (after - before) * kMiB / kCustomers;
  std::printf("%zu idle customers: %.1f MiB, then %.1f; %.0f bytes each\n", kCustomers, before, after, bytes);
  EXPECT_LT(bytes, 1024);
}

}  // namespace
}  // namespace smartbatch::testing
