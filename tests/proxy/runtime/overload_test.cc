// Which requests are refused when there is more work than can be done.
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/proxy/runtime/harness.h"

namespace smartbatch::runtime {
namespace {

using scheduling::Outcome;
using scheduling::RejectReason;
using std::chrono::milliseconds;
using testing::Harness;
using ::testing::IsEmpty;

scheduling::SchedulerOptions UpTo(std::uint64_t requests) {
  scheduling::SchedulerOptions options;
  options.max_queued_requests = requests;
  return options;
}

TEST(Overload, AHogMakesRoomForNewRequestsAndTheOthersAreNeverRefused) {
  Harness proxy(UpTo(20));
  std::vector<Harness::Submitted*> hog;
  std::vector<Harness::Submitted*> others;
  for (int round = 0; round < 8; ++round) {
    for (int i = 0; i < 10; ++i) hog.push_back(&proxy.Submit({"hog"}, kNever, "hog"));
    proxy.clock.Advance(milliseconds(10));
    others.push_back(&proxy.Submit({"a"}, kNever, "other-" + std::to_string(round % 3)));
  }
  while (!proxy.backend.Waiting().empty()) proxy.backend.AnswerNext();
  for (const Harness::Submitted* const request : others) {
    EXPECT_EQ(request->only_reply().outcome, Outcome::kAnswered);
  }
  int shed = 0;
  for (const Harness::Submitted* const request : hog) {
    const Outcome outcome = request->only_reply().outcome;
    shed += outcome == Outcome::kShed ? 1 : 0;
    EXPECT_TRUE(outcome == Outcome::kAnswered || outcome == Outcome::kShed || outcome == Outcome::kRejected);
  }
  EXPECT_EQ(shed, 7);  // one for each of the others that found the queue full
}

TEST(Overload, TheNewestRequestOfTheHogGoes) {
  Harness proxy(UpTo(3));
  proxy.Submit({"running"}, kNever, "hog");
  auto& older = proxy.Submit({"older"}, kNever, "hog");
  auto& newest = proxy.Submit({"newest"}, kNever, "hog");
  auto& other = proxy.Submit({"other"}, kNever, "other");
  EXPECT_EQ(newest.only_reply().outcome, Outcome::kShed);
  EXPECT_THAT(older.replies, IsEmpty());
  EXPECT_THAT(other.replies, IsEmpty());
}

TEST(Overload, CostCountsAndNotTheNumberOfRequests) {
  Harness proxy(UpTo(5));
  proxy.Submit({"running"}, kNever, "small");
  for (int i = 0; i < 3; ++i) proxy.Submit({"s"}, kNever, "small");
  auto& large = proxy.Submit({std::string(1000, 'x')}, kNever, "large");
  auto& next = proxy.Submit({"s"}, kNever, "small");
  EXPECT_EQ(large.only_reply().outcome, Outcome::kShed);
  EXPECT_THAT(next.replies, IsEmpty());
}

TEST(Overload, ACustomerWithALargerWeightMayHaveMore) {
  Harness proxy(UpTo(5));
  proxy.dispatcher.ConfigureCustomer("heavy", {.weight = 10});
  proxy.Submit({"running"}, kNever, "heavy");
  for (int i = 0; i < 3; ++i) proxy.Submit({"x"}, kNever, "heavy");
  auto& light = proxy.Submit({"x"}, kNever, "light");
  auto& next = proxy.Submit({"x"}, kNever, "light");
  EXPECT_THAT(light.replies, IsEmpty());
  EXPECT_EQ(next.only_reply().outcome, Outcome::kRejected);  // two of weight 1 are more than three of weight 10
}

TEST(Overload, WhatIsShedIsToldWhenToComeBack) {
  Harness proxy(UpTo(20));
  for (int i = 0; i < 40; ++i) {
    proxy.Submit({"x"}, kNever, "hog");
    proxy.clock.Advance(milliseconds(5));
    proxy.backend.AnswerNext();
  }
  std::vector<Harness::Submitted*> hog;
  for (int i = 0; i < 20; ++i) hog.push_back(&proxy.Submit({"x"}, kNever, "hog"));
  proxy.Submit({"x"}, kNever, "other");
  EXPECT_EQ(hog.back()->only_reply().outcome, Outcome::kShed);
  // Three answers later, at about 5 ms each.
  EXPECT_GT(hog.back()->only_reply().rejection.retry_after, milliseconds(5));
  EXPECT_LT(hog.back()->only_reply().rejection.retry_after, milliseconds(50));
}

TEST(Overload, NobodyIsShedForWhatIsRefusedAllTheSame) {
  scheduling::SchedulerOptions options = UpTo(3);
  options.max_queued_requests_per_customer = 2;
  Harness proxy(options);
  proxy.dispatcher.ConfigureCustomer("greedy", {.weight = 1, .max_queued_requests = 1});
  proxy.Submit({"x"}, kNever, "greedy");
  auto& one = proxy.Submit({std::string(100, 'x')}, kNever, "hog");
  auto& two = proxy.Submit({std::string(100, 'x')}, kNever, "hog");
  EXPECT_EQ(proxy.Submit({"x"}, kNever, "greedy").only_reply().rejection.reason, RejectReason::kCustomerQueueFull);
  EXPECT_THAT(one.replies, IsEmpty());
  EXPECT_THAT(two.replies, IsEmpty());
}

TEST(Overload, ACustomersBytesAreLimitedAndOthersAreNotRefusedForThem) {
  scheduling::SchedulerOptions options;
  options.max_queued_bytes_per_customer = 100;
  Harness proxy(options);
  EXPECT_THAT(proxy.Submit({std::string(60, 'x')}, kNever, "hog").replies, IsEmpty());
  const auto rejection = proxy.Submit({std::string(60, 'x')}, kNever, "hog").only_reply().rejection;
  EXPECT_EQ(rejection.reason, RejectReason::kCustomerBytesFull);
  EXPECT_EQ(rejection.limit, 100U);
  EXPECT_THAT(proxy.Submit({std::string(60, 'x')}, kNever, "other").replies, IsEmpty());
  EXPECT_EQ(proxy.Submit({std::string(101, 'x')}, kNever, "new").only_reply().rejection.reason,
            RejectReason::kCustomerBytesFull);
  proxy.backend.AnswerNext();  // the first
  EXPECT_THAT(proxy.Submit({std::string(60, 'x')}, kNever, "hog").replies, IsEmpty());
}

TEST(Overload, ACustomersPredictedCostIsLimited) {
  scheduling::SchedulerOptions options;
  options.max_queued_cost_per_customer = std::chrono::seconds(2);
  Harness proxy(options);
  proxy.dispatcher.ConfigureCustomer("granted", {.max_queued_cost = std::chrono::seconds(3)});
  const std::string one_second(1000, 'x');
  for (const char* const customer : {"hog", "granted"}) {
    const int may_have = std::string(customer) == "hog" ? 2 : 3;
    for (int i = 0; i < may_have; ++i) EXPECT_THAT(proxy.Submit({one_second}, kNever, customer).replies, IsEmpty());
    const auto rejection = proxy.Submit({"x"}, kNever, customer).only_reply().rejection;
    EXPECT_EQ(rejection.reason, RejectReason::kCustomerCostFull);
    EXPECT_EQ(rejection.limit, 1000U * static_cast<unsigned>(may_have));
  }
  EXPECT_THAT(proxy.Submit({"x"}, kNever, "other").replies, IsEmpty());
}

TEST(Overload, IfTheQueueHoldsAllTheCostItMayTheHogMakesRoom) {
  scheduling::SchedulerOptions options;
  options.max_queued_cost = std::chrono::seconds(3);
  Harness proxy(options);
  const std::string one_second(1000, 'x');
  proxy.Submit({one_second}, kNever, "hog");
  proxy.Submit({one_second}, kNever, "hog");
  auto& newest = proxy.Submit({one_second}, kNever, "hog");
  const auto rejection = proxy.Submit({one_second}, kNever, "hog").only_reply().rejection;
  EXPECT_EQ(rejection.reason, RejectReason::kCostFull);
  EXPECT_EQ(rejection.limit, 3000U);
  auto& other = proxy.Submit({"x"}, kNever, "other");
  EXPECT_EQ(newest.only_reply().outcome, Outcome::kShed);
  EXPECT_THAT(other.replies, IsEmpty());
}

TEST(Overload, OneRequestMayCostMoreThanTheLimit) {
  scheduling::SchedulerOptions options;
  options.max_queued_cost = milliseconds(1);
  options.max_queued_cost_per_customer = milliseconds(1);
  Harness proxy(options);
  auto& large = proxy.Submit({std::string(1000, 'x')});
  EXPECT_THAT(large.replies, IsEmpty());
  proxy.backend.AnswerNext();
  EXPECT_EQ(large.only_reply().outcome, Outcome::kAnswered);
}

TEST(Overload, ADeadlineThatCannotBeMetIsRefusedAtOnceIfTheCostIsKnown) {
  Harness proxy;
  const std::string slow(1000, 'x');  // 1 s
  const auto soon = [&] { return proxy.clock.Now() + milliseconds(500); };
  auto& believed = proxy.Submit({slow}, soon());
  EXPECT_THAT(believed.replies, IsEmpty());  // the backend may be faster than believed
  for (int i = 0; i < 100; ++i) {
    proxy.clock.Advance(std::chrono::seconds(1));
    proxy.backend.AnswerNext();
    proxy.Submit({slow});
  }
  EXPECT_EQ(proxy.Submit({slow}, soon()).only_reply().rejection.reason, RejectReason::kDeadlineTooSoon);
  // A second's batch has just begun, and the backend has no other slot.
  EXPECT_EQ(proxy.Submit({"short"}, soon()).only_reply().rejection.reason, RejectReason::kDeadlineTooSoon);
  proxy.clock.Advance(milliseconds(600));
  EXPECT_THAT(proxy.Submit({"short"}, soon()).replies, IsEmpty());
  // Nobody knows how long this one takes.
  EXPECT_THAT(proxy.Submit({std::string(5000, 'x')}, soon()).replies, IsEmpty());
}

}  // namespace
}  // namespace smartbatch::runtime
