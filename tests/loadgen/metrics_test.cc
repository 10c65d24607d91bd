// What Prometheus sees of a load generator.
#include "tools/loadgen/metrics/load_metrics.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/http_get.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Scrape(const std::string& address) { return testing::HttpGet(address, "/metrics"); }

RequestRecord Ended(std::uint32_t customer, int status_code) {
  RequestRecord record;
  record.customer = customer;
  record.sent = milliseconds(3);
  record.done = milliseconds(180);
  record.status_code = status_code;
  return record;
}

TEST(LoadMetrics, CountRequestsByStrategyCustomerAndOutcome) {
  auto metrics = LoadMetrics::Start("127.0.0.1:0");
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  LoadMetrics& load = **metrics;
  load.BeginBlock("two", "sjf", 2, 6, {"A", "B"});
  for (int i = 0; i < 4; ++i) load.Sent();
  load.Ended(Ended(0, kStatusOk));
  load.Ended(Ended(0, kStatusOk));
  load.Ended(Ended(1, 14));
  load.Ended(Ended(1, kStatusNotSent));
  const std::string text = Scrape(load.address());
  for (const char* const line :
       {"loadgen_requests_sent_total{strategy=\"sjf\"} 4\n",
        "loadgen_requests_done_total{customer=\"A\",outcome=\"ok\",strategy=\"sjf\"} 2\n",
        "loadgen_requests_done_total{customer=\"B\",outcome=\"ok\",strategy=\"sjf\"} 0\n",
        "loadgen_requests_done_total{customer=\"B\",outcome=\"unavailable\",strategy=\"sjf\"} 1\n",
        "loadgen_requests_done_total{customer=\"B\",outcome=\"not_sent\",strategy=\"sjf\"} 1\n",
        "loadgen_request_latency_seconds_bucket{customer=\"A\",strategy=\"sjf\",le=\"0.15\"} 0\n",
        "loadgen_request_latency_seconds_bucket{customer=\"A\",strategy=\"sjf\",le=\"0.2\"} 2\n",
        "loadgen_dispatch_delay_seconds_count 3\n", "loadgen_dispatch_delay_seconds_bucket{le=\"0.0025\"} 0\n",
        "loadgen_requests_in_flight 1\n", "loadgen_block_info{strategy=\"sjf\",workload=\"two\"} 1\n",
        "loadgen_block_number 2\n", "loadgen_blocks 6\n", "process_cpu_seconds_total"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(LoadMetrics, NameTheBlockThatIsPlayedAndNoOther) {
  auto metrics = LoadMetrics::Start("127.0.0.1:0");
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  (*metrics)->BeginBlock("two", "sjf", 1, 2, {"A"});
  (*metrics)->BeginBlock("two", "fcfs", 2, 2, {"A"});
  const std::string text = Scrape((*metrics)->address());
  EXPECT_THAT(text, HasSubstr("loadgen_block_info{strategy=\"fcfs\",workload=\"two\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("loadgen_block_info{strategy=\"sjf\"")));
  (*metrics)->EndBlock();
  EXPECT_THAT(Scrape((*metrics)->address()), Not(HasSubstr("loadgen_block_info{")));
}

TEST(LoadMetrics, NameAHundredCustomersAndSumTheOthersUp) {
  auto metrics = LoadMetrics::Start("127.0.0.1:0");
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  std::vector<std::string> customers;
  for (int i = 1; i <= 150; ++i) customers.push_back("c" + std::to_string(i));
  (*metrics)->BeginBlock("many", "sjf", 1, 1, customers);
  for (const std::uint32_t customer : {99U, 100U, 149U}) {
    (*metrics)->Sent();
    (*metrics)->Ended(Ended(customer, kStatusOk));
  }
  const std::string text = Scrape((*metrics)->address());
  EXPECT_THAT(text, HasSubstr("loadgen_requests_done_total{customer=\"c100\",outcome=\"ok\",strategy=\"sjf\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("loadgen_requests_done_total{customer=\"other\",outcome=\"ok\",strategy=\"sjf\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("c101")));
}

TEST(LoadMetrics, SayIfTheyCannotBeServed) {
  const auto first = LoadMetrics::Start("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const auto second = LoadMetrics::Start((*first)->address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr((*first)->address()));
}

}  // namespace
}  // namespace smartbatch::loadgen
