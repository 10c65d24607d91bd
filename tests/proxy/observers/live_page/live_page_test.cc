// The data that the live page gets.
#include "services/proxy/observers/live_page/live_page.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "services/proxy/scheduling/scheduler.h"
#include "tests/proxy/manual_clock.h"

namespace smartbatch::live_page {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class LivePageTest : public ::testing::Test {
 protected:
  void Offer(const std::string& customer, const std::vector<std::uint32_t>& lengths) {
    scheduling::Effects none;
    scheduler_->Offer({.customer = customer, .lengths = lengths}, clock_.Now(), none);
  }
  scheduling::BatchId Dispatch() { return std::get<scheduling::Batch>(scheduler_->Next(clock_.Now())).id; }
  void Complete(scheduling::BatchId id) {
    scheduling::Effects effects;
    scheduler_->Complete(id, absl::OkStatus(), clock_.Now(), effects);
  }
  Sources AllSources() {
    return {.model = "default",
            .clock = clock_,
            .decisions = decisions_,
            .answers = answers_,
            .state =
                [this](std::size_t customers) {
                  ++looks_;
                  runtime::State state = runtime::DescribeScheduler(*scheduler_, clock_.Now());
                  state.customers = runtime::DescribeCustomers(*scheduler_, clock_.Now(), customers);
                  return state;
                },
            .max_batch_size = 5,
            .version = "test"};
  }

  testing::ManualClock clock_;
  runtime::RecentDecisions decisions_;
  RecentAnswers answers_{clock_};
  scheduling::ObserverList observers_{{&decisions_, &answers_}};
  std::unique_ptr<scheduling::Scheduler> scheduler_ =
      *scheduling::Scheduler::Create({}, {"fcfs", {{"linger_ms", "0"}}}, &observers_);
  int looks_ = 0;
};

TEST_F(LivePageTest, TellsTheStateTheFiguresAndTheLastBatchesAtOneMoment) {
  scheduler_->AddBackend("10.0.0.1:1", 2, {});
  LiveData data(AllSources());
  data.Json();
  Offer("a", {100, 20});
  const auto first = Dispatch();
  clock_.Advance(milliseconds(12));
  Complete(first);
  Offer("b", {30});
  Dispatch();
  Offer("c", {1});
  clock_.Advance(milliseconds(500));

  const json told = json::parse(data.Json());
  EXPECT_EQ(told["queued_requests"], 1);
  EXPECT_EQ(told["batches_in_flight"], 1);
  EXPECT_EQ(told["outcomes"]["answered"], 1);
  EXPECT_EQ(told["strategy"]["name"], "fcfs");
  EXPECT_EQ(told["strategy"]["parameters"]["linger_ms"], "0");
  EXPECT_EQ(told["recent_seconds"], 0.512);
  std::map<std::string, json> customers;
  for (const json& customer : told["customers"]) customers[customer["customer"]] = customer;
  EXPECT_EQ(customers["a"]["p50_ms"], 12);
  EXPECT_EQ(customers["c"]["queued_requests"], 1);
  EXPECT_EQ(customers["c"]["oldest_age_seconds"], 0.5);
  EXPECT_EQ(customers["b"]["p50_ms"], nullptr);

  const json& chart = told["chart"];
  EXPECT_EQ(chart["duration_ms"], 512);
  EXPECT_EQ(chart["backends"], json::parse(R"([{"name": "10.0.0.1:1", "slots": 2}])"));
  EXPECT_THAT(chart["customers"], ElementsAre("a", "b"));
  ASSERT_EQ(chart["batches"].size(), 2U);
  EXPECT_EQ(chart["batches"][0]["start_ms"], 0);
  EXPECT_EQ(chart["batches"][0]["end_ms"], 12);
  EXPECT_EQ(chart["batches"][0]["rows"].size(), 2U);
  EXPECT_EQ(chart["batches"][1]["end_ms"], nullptr);
  EXPECT_EQ(chart["batches"][1]["rows"][0][1], 30);
}

TEST_F(LivePageTest, ABackendThatIsGoneKeepsALaneForItsBatches) {
  const auto id = scheduler_->AddBackend("10.0.0.1:1", 1, {});
  Offer("a", {10});
  Complete(Dispatch());
  scheduler_->RemoveBackend(id);
  scheduler_->AddBackend("10.0.0.2:1", 1, {});
  LiveData data(AllSources());
  const json chart = json::parse(data.Json())["chart"];
  EXPECT_EQ(chart["backends"][chart["batches"][0]["backend"].get<std::size_t>()]["name"], "10.0.0.1:1");
}

TEST_F(LivePageTest, ABatchOfLongAgoIsNotShown) {
  scheduler_->AddBackend("10.0.0.1:1", 1, {});
  Offer("a", {10});
  Complete(Dispatch());
  clock_.Advance(LiveData::kLongestChart + milliseconds(1));
  LiveData data(AllSources());
  const json chart = json::parse(data.Json())["chart"];
  EXPECT_TRUE(chart["batches"].empty());
  EXPECT_EQ(chart["duration_ms"], 0);
}

TEST_F(LivePageTest, HoweverOftenItIsAskedItLooksFourTimesASecond) {
  scheduler_->AddBackend("10.0.0.1:1", 1, {});
  LiveData data(AllSources());
  for (int i = 0; i < 100; ++i) {
    data.Json();
    clock_.Advance(milliseconds(10));
  }
  EXPECT_EQ(looks_, 4);
}

TEST_F(LivePageTest, ANameThatIsNoUtf8OrIsMarkupIsToldAsText) {
  scheduler_->AddBackend("10.0.0.1:1", 1, {});
  Offer("\xff<img src=x onerror=alert(1)>", {10});
  LiveData data(AllSources());
  EXPECT_EQ(json::parse(data.Json())["customers"][0]["customer"], "\xEF\xBF\xBD<img src=x onerror=alert(1)>");
}

TEST_F(LivePageTest, ThePageLoadsOnlyWhatIsServedBesideIt) {
  std::vector<std::string> paths;
  std::string html;
  for (const metrics_endpoint::HttpServer::Document& document : Documents({AllSources()})) {
    paths.push_back(document.path);
    if (document.path == "/") html = document.body();
  }
  EXPECT_THAT(html, Not(HasSubstr("://")));
  for (const char* const attribute : {"src=\"", "href=\""}) {
    for (std::size_t at = html.find(attribute); at != std::string::npos; at = html.find(attribute, at + 1)) {
      const std::size_t from = at + std::string(attribute).size();
      const std::string path = html.substr(from, html.find('"', from) - from);
      if (path == "data:,") continue;
      EXPECT_THAT(paths, Contains("/" + path));
    }
  }
  EXPECT_THAT(paths, Contains("/live.json"));
}

}  // namespace
}  // namespace smartbatch::live_page
