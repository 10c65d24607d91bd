// What is kept about the ends of requests, and for how long.
#include "services/proxy/observers/live_page/recent_answers.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "services/proxy/scheduling/scheduler.h"
#include "tests/proxy/manual_clock.h"

namespace smartbatch::live_page {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::Optional;

// A request of one sequence takes as many seconds as it has thousands of characters.
double Alone(std::uint32_t length) { return length / 1e3; }

class RecentAnswersTest : public ::testing::Test {
 protected:
  RecentAnswersTest() { scheduler_->AddBackend("backend", 1, {}); }

  scheduling::RequestId Offer(const std::string& customer, std::uint32_t length) {
    scheduling::Effects none;
    const std::vector<std::uint32_t> lengths = {length};
    return std::get<scheduling::RequestId>(
        scheduler_->Offer({.customer = customer, .lengths = lengths}, clock_.Now(), none));
  }
  // Answers the waiting requests after this time.
  void Answer(Duration took) {
    const auto id = std::get<scheduling::Batch>(scheduler_->Next(clock_.Now())).id;
    clock_.Advance(took);
    scheduling::Effects effects;
    scheduler_->Complete(id, absl::OkStatus(), clock_.Now(), effects);
  }
  void OfferAndAnswer(const std::string& customer, std::uint32_t length, Duration took) {
    Offer(customer, length);
    Answer(took);
  }
  RecentFigures Look() { return answers_.Look(Alone); }

  testing::ManualClock clock_;
  RecentAnswers answers_{clock_};
  std::unique_ptr<scheduling::Scheduler> scheduler_ =
      *scheduling::Scheduler::Create({}, {"fcfs", {{"linger_ms", "0"}}}, &answers_);
};

TEST_F(RecentAnswersTest, KeepsNothingBeforeSomebodyLooks) {
  OfferAndAnswer("a", 100, milliseconds(5));
  EXPECT_THAT(Look().customers, IsEmpty());
}

TEST_F(RecentAnswersTest, TellsPercentilesAndTheSlowdownOfWhatCameAndWasAnsweredSince) {
  Look();
  for (int i = 1; i <= 20; ++i) OfferAndAnswer("a", 10, milliseconds(i));
  OfferAndAnswer("b", 100, milliseconds(250));
  const RecentFigures figures = Look();
  EXPECT_EQ(figures.span, milliseconds(20 * 21 / 2 + 250));
  const CustomerFigures& a = figures.customers.at("a");
  EXPECT_EQ(a.answered, 20U);
  EXPECT_THAT(a.p50_ms, Optional(10.0));
  EXPECT_THAT(a.p95_ms, Optional(19.0));
  EXPECT_THAT(a.slowdown, Optional(1.0)) << "the median of 1 ms to 20 ms over 10 ms";
  EXPECT_THAT(figures.customers.at("b").slowdown, Optional(2.5));
}

TEST_F(RecentAnswersTest, KnowsNoSlowdownOfARequestThatCameBefore) {
  Offer("a", 10);
  Look();
  Answer(milliseconds(5));
  const RecentFigures figures = Look();
  EXPECT_THAT(figures.customers.at("a").p50_ms, Optional(5.0));
  EXPECT_EQ(figures.customers.at("a").slowdown, std::nullopt);
}

TEST_F(RecentAnswersTest, ForgetsAllOnceNobodyHasLookedForAWhileAndBeginsAnew) {
  Look();
  OfferAndAnswer("a", 10, milliseconds(5));
  clock_.Advance(RecentAnswers::kInterest);
  OfferAndAnswer("a", 10, milliseconds(5));
  const RecentFigures figures = Look();
  EXPECT_THAT(figures.customers, IsEmpty());
  EXPECT_EQ(figures.span, Duration::zero());
}

TEST_F(RecentAnswersTest, ForgetsWhatIsOld) {
  Look();
  OfferAndAnswer("a", 10, milliseconds(5));
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(seconds(4));
    Look();
  }
  OfferAndAnswer("b", 10, milliseconds(5));
  const RecentFigures figures = Look();
  EXPECT_EQ(figures.customers.count("a"), 0U);
  EXPECT_EQ(figures.customers.count("b"), 1U);
  EXPECT_EQ(figures.span, RecentAnswers::kLongest);
}

TEST_F(RecentAnswersTest, CountsRefusalsByReasonAndEndsThatAreNoAnswers) {
  Look();
  answers_.Rejected("a", "fcfs", scheduling::RejectReason::kQueueFull);
  answers_.Rejected("a", "fcfs", scheduling::RejectReason::kDeadlinePassed);
  answers_.Rejected("b", "fcfs", scheduling::RejectReason::kQueueFull);
  scheduling::Effects effects;
  scheduler_->Cancel(Offer("a", 10), clock_.Now(), effects);
  const RecentFigures figures = Look();
  EXPECT_EQ(figures.customers.at("a").refused, 2U);
  EXPECT_EQ(figures.customers.at("a").failed, 1U);
  EXPECT_EQ(figures.customers.at("a").p50_ms, std::nullopt);
  EXPECT_EQ(figures.refusals[static_cast<std::size_t>(scheduling::RejectReason::kQueueFull)], 2U);
  EXPECT_EQ(figures.refusals[static_cast<std::size_t>(scheduling::RejectReason::kDeadlinePassed)], 1U);
}

TEST_F(RecentAnswersTest, KeepsABoundedNumberOfEndsAndNames) {
  Look();
  const auto most = RecentAnswers::kCapacity;
  for (std::size_t i = 0; i < most + 100; ++i) {
    OfferAndAnswer("customer-" + std::to_string(i), 10, std::chrono::microseconds(1));
    if (i % 1000 == 0) Look();
  }
  const RecentFigures figures = Look();
  std::uint64_t answered = 0;
  for (const auto& [name, customer] : figures.customers) answered += customer.answered;
  EXPECT_EQ(answered, most);
  EXPECT_LE(figures.customers.size(), RecentAnswers::kMostCustomers + 1);
  EXPECT_GT(figures.customers.at("(others)").answered, most / 2);
  EXPECT_LE(figures.span, std::chrono::microseconds(most)) << "no longer than what is left of it";
}

}  // namespace
}  // namespace smartbatch::live_page
