// What a scrape costs if ten thousand customers have called, under every strategy.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "services/proxy/observers/metrics/proxy_metrics.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/proxy/manual_clock.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::metrics {
namespace {

constexpr int kCustomers = 10'000;
// With every strategy used; a third above the measured size.
constexpr std::size_t kMostBytes = 8'000'000;

using Clock = std::chrono::steady_clock;

class Scrape : public ::testing::Test {
 protected:
  Scrape() {
    dispatcher_.AddBackend("10.0.0.1:50061", 1, {}, backend_);
    metrics_.WatchState([this](const std::vector<std::string>& customers) { return dispatcher_.Look(customers); });
    for (const auto& strategy : scheduling::AllStrategies()) {
      scheduling::StrategyChoice choice{strategy.name, {}};
      // The clock stands still, so nothing may wait for company.
      for (const auto& parameter : strategy.parameters) {
        if (parameter.name == "linger_ms" || parameter.name == "hold") choice.parameters[parameter.name] = "0";
      }
      if (strategy.takes_advice) continue;  // dispatches under the others' names
      EXPECT_TRUE(dispatcher_.SetStrategy(choice).ok());
      for (int customer = 0; customer < kCustomers; ++customer) Request(customer);
    }
  }
  ~Scrape() override { dispatcher_.Close(); }

  // One request of a customer, from its arrival to its answer.
  void Request(int customer) {
    runtime::Submission request{
        .customer = "customer-" + std::to_string(customer), .payload = testing::PayloadOf({"x"}), .deadline = kNever};
    runtime::Ticket ticket;
    dispatcher_.Submit(std::move(request), ticket,
                       runtime::Reply([this](const absl::StatusOr<runtime::Ending>&) { ++replies_; }));
    backend_.AnswerNext();
  }

  std::size_t Bytes() const {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, metrics_.Collect());
    return text.str().size();
  }

  // How long the calling thread took for each of many requests, in microseconds, sorted.
  std::vector<double> RequestMicroseconds(Clock::duration at_least) {
    std::vector<double> times;
    const auto end = Clock::now() + at_least;
    for (int i = 0; i < 2 * kCustomers || Clock::now() < end; ++i) {
      const auto begin = Clock::now();
      Request(i % kCustomers);
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
    std::sort(times.begin(), times.end());
    return times;
  }

  int replies_ = 0;
  testing::ManualClock clock_;
  testing::ScriptedBackend backend_;
  ProxyMetrics metrics_{MetricsOptions{}};
  runtime::Dispatcher dispatcher_{*scheduling::Scheduler::Create({}, {"fcfs", {}}, &metrics_), clock_, &metrics_};
};

TEST_F(Scrape, OfTenThousandCustomersIsSmallAndDelaysNobody) {
  const auto begin = Clock::now();
  const std::size_t bytes = Bytes();
  const double scrape_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  const std::vector<double> alone = RequestMicroseconds({});
  std::vector<double> scraped;
  int scrapes = 0;
  {
    // One scrape after the other, without a pause: thousands of times as often as Prometheus does.
    const std::jthread scraper([&](const std::stop_token& stop) {
      for (; !stop.stop_requested(); ++scrapes) Bytes();
    });
    scraped = RequestMicroseconds(std::chrono::seconds(1));
  }
  const auto at = [](const std::vector<double>& sorted, double share) {
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
  };
  std::printf(
      "%d customers: %zu bytes in %.0f ms; a request alone p50 %.1f us, p99 %.1f us, worst %.0f us; during %d "
      "scrapes p50 %.1f us, p99 %.1f us, worst %.0f us\n",
      kCustomers, bytes, scrape_ms, at(alone, 0.5), at(alone, 0.99), alone.back(), scrapes, at(scraped, 0.5),
      at(scraped, 0.99), scraped.back());
  EXPECT_GT(bytes, 100'000U);
  EXPECT_LT(bytes, kMostBytes);
  ASSERT_GT(scrapes, 1);
  // A request that had to wait for a scrape would wait for a good part of the scrape's time.
  EXPECT_LT(at(scraped, 0.99) / 1000, scrape_ms / 4);
}

}  // namespace
}  // namespace smartbatch::metrics
