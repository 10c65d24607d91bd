// Five times as much load as can be served, against the real programs.
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "tests/integration/stack.h"
#include "tests/reliability/raw_connection.h"
#include "tests/reliability/scale.h"

namespace smartbatch::testing {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr double kBatchSeconds = 0.05;
constexpr double kCapacity = 5 / kBatchSeconds;  // requests of one sequence a second
const Flags kClassifier = {"--cost-fixed", std::to_string(kBatchSeconds), "--cost-quadratic", "0"};
// At most half a second of work may wait.
const Flags kProxy = {
    "--strategy", "weighted_fair", "--cost-fixed", std::to_string(kBatchSeconds), "--max-queued-requests", "50"};

double SecondsSince(steady_clock::time_point start) { return duration<double>(steady_clock::now() - start).count(); }
double Memory(const ProxyProcess& proxy) { return proxy.Metrics().Value("process_resident_memory_bytes").value_or(0); }

// Calls at a steady rate, however the calls end.
class Sender {
 public:
  explicit Sender(const std::string& address) : connection_(address) {}

  // Sends for `seconds`; `customer_of` names the customer of the n-th call.
  void Send(double seconds, double calls_a_second, const std::function<std::string(std::size_t)>& customer_of) {
    const auto start = steady_clock::now();
    const std::size_t before = sent_;
    for (double passed = 0; passed < seconds; passed = SecondsSince(start)) {
      for (const auto due = before + static_cast<std::size_t>(passed * calls_a_second); sent_ < due; ++sent_) {
        ASSERT_TRUE(connection_.Call(customer_of(sent_)));
      }
      const auto more = connection_.TakeEnds();
      ASSERT_TRUE(more);
      ended_ += *more;
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  void WaitForEnds() { ASSERT_TRUE(connection_.WaitForEnds(sent_ - std::exchange(ended_, sent_))); }
  std::size_t sent() const { return sent_; }

 private:
  RawConnection connection_;
  std::size_t sent_ = 0;
  std::size_t ended_ = 0;
};

// SMARTBATCH_TEST_OVERLOAD_SECONDS is the duration: 120 for the full test.
TEST(Overload, AtFiveTimesTheCapacityEveryCallIsToldAndTheBackendStaysBusy) {
  const auto seconds = static_cast<double>(Scale("SMARTBATCH_TEST_OVERLOAD_SECONDS", 10, 5));
  constexpr double kOffered = 5 * kCapacity;
  ClassifierProcess classifier(kClassifier);
  ProxyProcess proxy(classifier.address(), kProxy);
  ASSERT_TRUE(proxy.Classify({"x"}).status.ok());

  Sender sender(proxy.address());
  const auto customer_of = [](std::size_t call) { return "customer-" + std::to_string(call % 7); };
  const std::uint64_t answered_before = proxy.Status().outcomes().answered();
  const auto start = steady_clock::now();
  sender.Send(seconds / 4, kOffered, customer_of);
  const double memory_at_quarter = Memory(proxy);
  sender.Send(seconds * 3 / 4, kOffered, customer_of);
  const double lasted = SecondsSince(start);
  const auto at_end = proxy.Status().outcomes();
  const double goodput = static_cast<double>(at_end.answered() - answered_before) / lasted;
  const double memory = Memory(proxy);

  // It recovers within a second: what waited has been served, and a new call is served as before.
  const auto load_ended = steady_clock::now();
  sender.WaitForEnds();
  const double drained = SecondsSince(load_ended);
  const auto after = proxy.Classify({"x"});
  const double recovered = SecondsSince(load_ended);
  EXPECT_TRUE(after.status.ok());
  EXPECT_LT(after.took, milliseconds(200));
  EXPECT_LT(recovered, 1) << "the queue was empty after " << drained << " s";

  const auto outcomes = proxy.Status().outcomes();
  EXPECT_EQ(outcomes.offered(), sender.sent() + 2);
  EXPECT_EQ(outcomes.answered() + outcomes.rejected() + outcomes.shed(), outcomes.offered()) << "a call was not told";
  EXPECT_GE(goodput, 0.9 * kCapacity);
  EXPECT_LT(memory, SMARTBATCH_MOST_BYTES);
  EXPECT_LT(memory, memory_at_quarter + SMARTBATCH_MOST_GROWTH_BYTES);
  const Scrape metrics = proxy.Metrics();
  const double batches = metrics.Sum("smartbatch_batches_total");
  const double busy = metrics.Sum("smartbatch_backend_busy_seconds_total");
  std::printf("%.0f batches of %.2f sequences took %.1f ms each; the backend was busy for %.1f s\n", batches,
              static_cast<double>(outcomes.answered()) / batches, 1e3 * busy / batches, busy);
  std::printf(
      "%.1f s at %.0f a second, of which %.0f can be done: %zu sent, all told (%lu answered), %.1f answered a second = "
      "%.3f of the capacity; %.1f MB resident at a quarter, %.1f MB at the end; recovered after %.2f s\n",
      lasted, kOffered, kCapacity, sender.sent(), static_cast<unsigned long>(outcomes.answered()), goodput,
      goodput / kCapacity, memory_at_quarter / 1e6, memory / 1e6, recovered);
}

TEST(Overload, AHogAtTenTimesItsShareHasNoneOfTheOthersRefused) {
  ClassifierProcess classifier(kClassifier);
  ProxyProcess proxy(classifier.address(), kProxy);
  Sender sender(proxy.address());
  // Each of five customers may have a fifth of the capacity: one sends ten times as much, the others half of that
  // fifth.
  sender.Send(4, kCapacity * (10 + 4 * 0.5) / 5, [](std::size_t call) {
    return call % 6 == 5 ? "victim-" + std::to_string(call / 6 % 4) : std::string("hog");
  });
  sender.WaitForEnds();
  const Scrape metrics = proxy.Metrics();
  const auto refused = [&](const std::string& customer) {
    const std::string label = "customer=\"" + customer + "\"";
    return metrics.Sum("smartbatch_rejected_total", label) + metrics.Sum("smartbatch_shed_total", label);
  };
  EXPECT_GT(refused("hog"), 100);
  for (int i = 0; i < 4; ++i) {
    const std::string victim = "victim-" + std::to_string(i);
    EXPECT_EQ(refused(victim), 0) << victim;
    EXPECT_GT(metrics.Sum("smartbatch_requests_total", "customer=\"" + victim + "\""), 20) << victim;
  }
}

}  // namespace
}  // namespace smartbatch::testing
