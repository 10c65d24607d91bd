#include "services/proxy/observers/metrics/proxy_metrics.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <future>
#include <map>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

#include "services/proxy/scheduling/scheduler.h"
#include "tests/proxy/manual_clock.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::metrics {
namespace {

using scheduling::Outcome;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

// The metrics of a dispatcher in front of a scripted backend.
class ProxyMetricsTest : public ::testing::Test {
 protected:
  ~ProxyMetricsTest() override {
    dispatcher_->Close();
    while (auto sent = backend_.Take()) std::move(sent->reply).Fulfil(absl::CancelledError());
  }

  static MetricsOptions Options() {
    MetricsOptions options;
    options.objectives = {.configured = {{"vip", milliseconds(20)}}, .others = milliseconds(130)};
    options.max_other_customers = 2;
    return options;
  }

  void Submit(const std::string& customer, std::vector<std::string> texts, Time deadline = kNever) {
    runtime::Submission request{
        .customer = customer, .payload = testing::PayloadOf(std::move(texts)), .deadline = deadline};
    tickets_.push_back(std::make_unique<runtime::Ticket>());
    dispatcher_->Submit(std::move(request), *tickets_.back(),
                        runtime::Reply([this](const absl::StatusOr<runtime::Ending>&) { ++replies_; }));
  }

  std::string Text() {
    std::ostringstream text;
    prometheus::TextSerializer().Serialize(text, metrics_.Collect());
    return text.str();
  }

  // The value of the series written in this way; nothing if it is not there.
  std::optional<double> Value(const std::string& series) {
    std::istringstream lines(Text());
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(series + " ", 0) == 0) return std::stod(line.substr(series.size() + 1));
    }
    return std::nullopt;
  }

  // The sum over all series of that name.
  double Sum(const std::string& name) {
    std::istringstream lines(Text());
    double sum = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(name + "{", 0) == 0) sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }

  int replies_ = 0;
  testing::ManualClock clock_;
  testing::ScriptedBackend backend_;
  ProxyMetrics metrics_{Options()};
  std::unique_ptr<runtime::Dispatcher> dispatcher_ = [this] {
    auto dispatcher = std::make_unique<runtime::Dispatcher>(*scheduling::Scheduler::Create({}, {"sjf", {}}, &metrics_),
                                                            clock_, &metrics_);
    dispatcher->AddBackend("10.0.0.1:50061", 1, {}, backend_);
    metrics_.WatchState(
        [view = dispatcher.get()](const std::vector<std::string>& customers) { return view->Look(customers); });
    return dispatcher;
  }();
  std::vector<std::unique_ptr<runtime::Ticket>> tickets_;
};

TEST_F(ProxyMetricsTest, TellsWhatTheBackendDidForRequestsThatHadDied) {
  constexpr char kDead[] = R"(smartbatch_backend_dead_seconds_total{backend="10.0.0.1:50061"})";
  Submit("vip", {"x"});
  clock_.Advance(milliseconds(10));
  backend_.AnswerNext();
  EXPECT_EQ(Value(kDead), 0);
  Submit("vip", {"x"});
  clock_.Advance(milliseconds(10));
  dispatcher_->Cancel(*tickets_.back());
  clock_.Advance(milliseconds(10));
  backend_.FailNext(absl::CancelledError("given up"));
  EXPECT_EQ(Value(kDead), 0.02);
}

TEST_F(ProxyMetricsTest, TellsThatABackendTakesSmallerBatches) {
  constexpr char kRefused[] = R"(smartbatch_backend_too_large_batches_total{backend="10.0.0.1:50061"})";
  constexpr char kLimit[] = R"(smartbatch_backend_batch_size_limit{backend="10.0.0.1:50061"})";
  EXPECT_EQ(Value(kRefused), 0);
  EXPECT_EQ(Value(kLimit), 0);
  Submit("vip", {"x", "y"});
  backend_.FailNext(absl::InvalidArgumentError("too many"));
  backend_.AnswerNext();
  EXPECT_EQ(Value(kRefused), 0);
  backend_.AnswerNext();
  EXPECT_EQ(Value(kRefused), 1);
  EXPECT_EQ(Value(kLimit), 1);
}

TEST_F(ProxyMetricsTest, CountsTheBatchesThatABackendFailedByTheirCode) {
  constexpr char kInternal[] = R"(smartbatch_backend_failed_batches_total{backend="10.0.0.1:50061",code="INTERNAL"})";
  Submit("vip", {"x"});
  backend_.AnswerNext();
  EXPECT_EQ(Value(kInternal), std::nullopt);
  Submit("vip", {"x"});
  backend_.FailNext(absl::InternalError("damaged"));
  EXPECT_EQ(Value(kInternal), 1);
}

// The caller is not told that somebody's credentials are wrong, since they are not its own.
TEST_F(ProxyMetricsTest, CountsTheCodeThatTheCallerIsToldAndNotTheBackends) {
  Submit("vip", {"x"});
  backend_.FailNext(absl::UnauthenticatedError("who are you?"));
  EXPECT_EQ(replies_, 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="INTERNAL",customer="vip",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="UNAUTHENTICATED",customer="vip",strategy="sjf"})"), std::nullopt);
}

TEST_F(ProxyMetricsTest, ForgetsTheStateOfABackendThatIsRemovedAndKeepsItsCounters) {
  const auto other = dispatcher_->AddBackend("10.0.0.2:50061", 1, {}, backend_);
  EXPECT_EQ(Value(R"(smartbatch_backend_up{backend="10.0.0.2:50061"})"), 1);
  dispatcher_->RemoveBackend(other);
  EXPECT_EQ(Value(R"(smartbatch_backend_up{backend="10.0.0.2:50061"})"), std::nullopt);
  EXPECT_EQ(Value(R"(smartbatch_backend_up{backend="10.0.0.1:50061"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_backend_busy_seconds_total{backend="10.0.0.2:50061"})"), 0);
}

TEST_F(ProxyMetricsTest, CountsBackendsBeyondTheLimitTogether) {
  for (std::size_t i = 0; i < 3 * kMaxBackends; ++i) {
    dispatcher_->RemoveBackend(dispatcher_->AddBackend("backend-" + std::to_string(i), 1, {}, backend_));
  }
  const std::string text = Text();
  std::size_t series = 0;
  for (auto at = text.find("\nsmartbatch_backend_busy_seconds_total{"); at != std::string::npos;
       at = text.find("\nsmartbatch_backend_busy_seconds_total{", at + 1)) {
    ++series;
  }
  EXPECT_EQ(series, kMaxBackends + 1);
  EXPECT_EQ(Value(R"(smartbatch_backend_busy_seconds_total{backend="other"})"), 0);
}

TEST_F(ProxyMetricsTest, CountsARequestFromItsOfferToItsAnswer) {
  Submit("vip", {std::string(100, 'x')});
  clock_.Advance(milliseconds(10));
  backend_.AnswerNext();
  EXPECT_EQ(Value(R"(smartbatch_requests_offered_total{customer="vip"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="OK",customer="vip",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_request_duration_seconds_count{customer="vip",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_request_duration_seconds_sum{customer="vip",strategy="sjf"})"), 0.01);
  EXPECT_EQ(Value(R"(smartbatch_queue_duration_seconds_sum{customer="vip",strategy="sjf"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_batches_total{reason="slot_free",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_batch_sequences_bucket{strategy="sjf",le="1"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_batch_max_length_sum{strategy="sjf"})"), 100);
  EXPECT_EQ(Value(R"(smartbatch_batch_duration_seconds_sum{backend="10.0.0.1:50061",strategy="sjf"})"), 0.01);
  EXPECT_EQ(Value(R"(smartbatch_backend_busy_seconds_total{backend="10.0.0.1:50061"})"), 0.01);
  EXPECT_EQ(Value(R"(smartbatch_decision_duration_seconds_count{strategy="sjf"})"), 1);
}

// 100 characters take 10 ms.
TEST_F(ProxyMetricsTest, AddsUpHowMuchSlowerRequestsWereThanAlone) {
  Submit("vip", {std::string(100, 'x')});
  clock_.Advance(milliseconds(25));
  backend_.AnswerNext();
  EXPECT_DOUBLE_EQ(*Value(R"(smartbatch_request_slowdown_total{customer="vip",strategy="sjf"})"), 2.5);
}

TEST_F(ProxyMetricsTest, ABatchCostsWhatIsChargedAndFourFreeSeatsOfFiveArePadding) {
  Submit("vip", {std::string(100, 'x')});
  EXPECT_DOUBLE_EQ(*Value(R"(smartbatch_batch_cost_seconds_total{strategy="sjf"})"), 0.01);
  EXPECT_DOUBLE_EQ(*Value(R"(smartbatch_batch_padding_cost_seconds_total{strategy="sjf"})"), 0.008);
  EXPECT_DOUBLE_EQ(*Value(R"(smartbatch_customer_charged_seconds_total{customer="vip",strategy="sjf"})"), 0.01);
  EXPECT_DOUBLE_EQ(*Value(R"(smartbatch_customer_charged_over_weight_seconds_total{customer="vip",strategy="sjf"})"),
                   0.01);
}

TEST_F(ProxyMetricsTest, WhatWasOfferedIsTheSumOfHowItEnded) {
  Submit("a", {"busy"});
  Submit("a", {"expires"}, clock_.Now() + milliseconds(1));
  Submit("b", {"is too late"}, clock_.Now());
  Submit("b", {"is cancelled"});
  Submit("c", {"fails"});
  clock_.Advance(milliseconds(2));
  dispatcher_->Tick();
  dispatcher_->Cancel(*tickets_[3]);
  backend_.AnswerNext();
  backend_.FailNext(absl::InternalError("it"));
  EXPECT_EQ(replies_, 5);
  EXPECT_EQ(Sum("smartbatch_requests_offered_total"), 5);
  EXPECT_EQ(Sum("smartbatch_requests_total"), 5);
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="OK",customer="a",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="DEADLINE_EXCEEDED",customer="a",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="DEADLINE_EXCEEDED",customer="b",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_rejected_total{customer="b",reason="deadline_passed"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="CANCELLED",customer="b",strategy="sjf"})"), 1);
  EXPECT_EQ(Sum("smartbatch_requests_total") -
                *Value(R"(smartbatch_requests_total{code="INTERNAL",customer="other",strategy="sjf"})"),
            4);
}

TEST_F(ProxyMetricsTest, AnAnswerInTimeMeetsTheObjectiveAndEveryOtherEndMissesIt) {
  Submit("vip", {"in time"});
  clock_.Advance(milliseconds(20));
  backend_.AnswerNext();
  Submit("vip", {"late"});
  Submit("a", {"in time for everybody else"});
  clock_.Advance(milliseconds(21));
  backend_.AnswerNext();
  backend_.AnswerNext();
  Submit("vip", {"fails"});
  backend_.FailNext(absl::InternalError("it"));
  Submit("vip", {"comes too late"}, clock_.Now());
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="vip",result="met",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="vip",result="missed",strategy="sjf"})"), 3);
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="a",result="met",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="a",result="missed",strategy="sjf"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_slo_objective_seconds{customer="vip"})"), 0.02);
}

TEST_F(ProxyMetricsTest, ACallerThatGivesUpMissesTheObjectiveOnlyIfItHasPassed) {
  Submit("vip", {"busy"});
  Submit("vip", {"leaves at once"});
  Submit("vip", {"leaves late"});
  dispatcher_->Cancel(*tickets_[1]);
  clock_.Advance(milliseconds(21));
  dispatcher_->Cancel(*tickets_[2]);
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="vip",result="met",strategy="sjf"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="vip",result="missed",strategy="sjf"})"), 1);
}

TEST_F(ProxyMetricsTest, EveryObjectiveIsABoundOfTheLatencyHistograms) {
  EXPECT_EQ(Value(R"(smartbatch_request_duration_seconds_bucket{customer="vip",strategy="sjf",le="0.02"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_request_duration_seconds_bucket{customer="vip",strategy="sjf",le="0.13"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_queue_duration_seconds_bucket{customer="vip",strategy="sjf",le="0.13"})"), 0);
}

TEST_F(ProxyMetricsTest, NewObjectivesHoldFromTheNextRequestOn) {
  metrics_.SetObjectives({.configured = {{"new", milliseconds(5)}}, .others = milliseconds(7)});
  Submit("vip", {"x"});
  EXPECT_EQ(Value(R"(smartbatch_slo_objective_seconds{customer="vip"})"), 0.007);
  EXPECT_EQ(Value(R"(smartbatch_slo_objective_seconds{customer="new"})"), 0.005);
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="new",result="met",strategy="sjf"})"), 0);
  clock_.Advance(milliseconds(8));
  backend_.AnswerNext();
  EXPECT_EQ(Value(R"(smartbatch_slo_requests_total{customer="vip",result="missed",strategy="sjf"})"), 1);
}

// The first event after a reload applies it while the dispatcher's lock is held: that takes tens of milliseconds, and
// would take seconds if it created all the series.
TEST_F(ProxyMetricsTest, TheFirstRequestAfterAReloadMakesNoSeriesForTenThousandNewCustomers) {
  Submit("vip", {"x"});
  LatencyObjectives objectives{.configured = {}, .others = milliseconds(7)};
  for (int i = 0; i < 10'000; ++i) objectives.configured["customer-" + std::to_string(i)] = milliseconds(5);
  metrics_.SetObjectives(std::move(objectives));
  const auto start = std::chrono::steady_clock::now();
  Submit("customer-7", {"x"});
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(300));
}

TEST_F(ProxyMetricsTest, TellsWhatBatchesACustomersRequestsRodeIn) {
  Submit("a", {"busy"});
  Submit("vip", {"x", "y"});
  Submit("b", {"z"});
  backend_.AnswerNext();
  backend_.AnswerNext();
  EXPECT_EQ(Value(R"(smartbatch_customer_batches_total{customer="vip",strategy="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_customer_batch_sequences_total{customer="vip",strategy="sjf"})"), 3);
}

TEST_F(ProxyMetricsTest, TellsTheLimitOfTheQueue) { EXPECT_EQ(Value("smartbatch_queue_limit_requests"), 50'000); }

TEST_F(ProxyMetricsTest, ACustomerMayBeCalledOther) {
  for (const char* const name : {"other", "a", "b", "c"}) Submit(name, {"x"});
  EXPECT_EQ(Value(R"(smartbatch_requests_offered_total{customer="other"})"), 3);
  EXPECT_EQ(Sum("smartbatch_requests_offered_total"), 4);
}

TEST_F(ProxyMetricsTest, MadeUpCustomersShareOneLabel) {
  for (int i = 0; i < 50; ++i) Submit("made-up-" + std::to_string(i), {"x"});
  EXPECT_EQ(Value(R"(smartbatch_requests_offered_total{customer="made-up-0"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_offered_total{customer="made-up-1"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_requests_offered_total{customer="made-up-2"})"), std::nullopt);
  EXPECT_EQ(Value(R"(smartbatch_requests_offered_total{customer="other"})"), 48);
  EXPECT_EQ(Value("smartbatch_customers_overflowed_total"), 48);
  EXPECT_EQ(Value(R"(smartbatch_queue_requests{customer="other"})"), 48);
  EXPECT_EQ(Sum("smartbatch_queue_requests"), 49);  // one is at the backend
}

TEST_F(ProxyMetricsTest, ConfiguredCustomersHaveSeriesBeforeTheirFirstRequest) {
  EXPECT_EQ(Value(R"(smartbatch_requests_total{code="OK",customer="vip",strategy="sjf"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_request_duration_seconds_count{customer="vip",strategy="sjf"})"), 0);
}

TEST_F(ProxyMetricsTest, ASwitchMakesTheSeriesOfEveryKnownCustomerAtZero) {
  Submit("a", {"x"});
  ASSERT_TRUE(dispatcher_->SetStrategy({"fair", {}}).ok());
  EXPECT_EQ(Value(R"(smartbatch_request_duration_seconds_count{customer="a",strategy="fair"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_batch_duration_seconds_count{backend="10.0.0.1:50061",strategy="fair"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_strategy_active{strategy="sjf"})"), 0);
  EXPECT_EQ(Value(R"(smartbatch_strategy_active{strategy="fair"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_strategy_switches_total{by="start",from="none",to="sjf"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_strategy_switches_total{by="admin",from="sjf",to="fair"})"), 1);
}

TEST_F(ProxyMetricsTest, TheGaugesAreThoseOfTheMoment) {
  Submit("a", {"busy"});
  Submit("a", {"x", "y"});
  clock_.Advance(milliseconds(40));
  EXPECT_EQ(Value(R"(smartbatch_queue_requests{customer="a"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_queue_sequences{customer="a"})"), 2);
  EXPECT_EQ(Value(R"(smartbatch_queue_oldest_age_seconds{customer="a"})"), 0.04);
  EXPECT_EQ(Value(R"(smartbatch_backend_inflight_batches{backend="10.0.0.1:50061"})"), 1);
  EXPECT_EQ(Value(R"(smartbatch_backend_up{backend="10.0.0.1:50061"})"), 1);
  backend_.FailNext(absl::UnavailableError("gone"));
  EXPECT_EQ(Value(R"(smartbatch_backend_up{backend="10.0.0.1:50061"})"), 0);
}

TEST_F(ProxyMetricsTest, PassThePromtoolCheck) {
  if (std::system("command -v promtool > /dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  Submit("a", {"x"});
  backend_.AnswerNext();
  const std::string file = ::testing::TempDir() + "proxy_metrics_test.prom";
  std::ofstream(file) << Text();
  std::FILE* const promtool = popen(("promtool check metrics 2>&1 < " + file).c_str(), "r");
  std::string said;
  for (int letter = std::fgetc(promtool); letter != EOF; letter = std::fgetc(promtool)) {
    said += static_cast<char>(letter);
  }
  EXPECT_EQ(pclose(promtool), 0);
  EXPECT_EQ(said, "");
}

TEST(ObservationBuffer, KeepsEveryObservation) {
  prometheus::Histogram histogram({1});
  ObservationBuffer buffer;
  for (int i = 0; i < 1000; ++i) buffer.Observe(histogram, 0.5);
  const auto count = buffer.FlushAndRead([&] { return histogram.Collect().histogram.sample_count; });
  EXPECT_EQ(count, 1000U);
}

TEST(ObservationBuffer, NeverWaitsForAScrape) {
  prometheus::Histogram histogram({1});
  ObservationBuffer buffer;
  buffer.FlushAndRead([&] {
    auto observing = std::async(std::launch::async, [&] {
      for (int i = 0; i < 10'000; ++i) buffer.Observe(histogram, 0.5);
    });
    const auto state = observing.wait_for(std::chrono::seconds(20));
    EXPECT_EQ(state, std::future_status::ready);
    return state;
  });
  EXPECT_EQ(buffer.FlushAndRead([&] { return histogram.Collect().histogram.sample_count; }), 10'000U);
}

}  // namespace
}  // namespace smartbatch::metrics
