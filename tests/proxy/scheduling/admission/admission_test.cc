// Which requests enter the queue, which must leave it, and what the refused ones are told.
#include "services/proxy/scheduling/admission/admission.h"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proxy/scheduling/queue_fixture.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const std::vector<std::uint32_t> kShort = {10};

class Admitting : public QueueFixture {
 protected:
  Admitting() { backends_.Add("backend", 1, CostModel{}); }

  Arrival Asking(std::size_t bytes = 0, Time deadline = kNever) const { return {"asks", kShort, deadline, bytes}; }
  std::optional<RejectReason> ReasonFor(const Arrival& arrival) {
    return admission_.ReasonToReject(arrival, customers_.Find(arrival.customer), now_);
  }
  // Returns true if room was made; collects the shed requests' customers.
  bool MakeRoom(RejectReason reason, const Arrival& arrival) {
    return admission_.MakeRoom(reason, arrival, customers_.Find(arrival.customer), now_, [&](PendingRequest& request) {
      shed_.push_back(request.customer->name + " " + std::to_string(request.id.number));
      Customer& customer = *request.customer;
      End(request);
      if (customer.waiting_requests == 0) admission_.NothingWaitsOf(customer);
    });
  }
  void FailTheBackend() {
    backends_.Started(0);
    backends_.Failed(0, now_);
  }

  SchedulerOptions options_;
  RunningBatches running_{pending_};
  Admission admission_{options_, pending_, customers_, backends_, running_};
  std::vector<std::string> shed_;
};

TEST_F(Admitting, NamesTheLimitOfTheQueueThatIsReached) {
  Add("other", {10}, 100);
  EXPECT_EQ(ReasonFor(Asking(100)), std::nullopt);
  options_.max_queued_cost = nanoseconds(kCostNs);
  EXPECT_EQ(ReasonFor(Asking(100)), RejectReason::kCostFull);
  options_.max_queued_bytes = 199;
  EXPECT_EQ(ReasonFor(Asking(100)), RejectReason::kBytesFull);
  EXPECT_EQ(ReasonFor(Asking(99)), RejectReason::kCostFull);
  options_.max_queued_requests = 1;
  EXPECT_EQ(ReasonFor(Asking(100)), RejectReason::kQueueFull);
}

TEST_F(Admitting, HoldsACustomerToItsOwnLimitAndOtherwiseToEverybodys) {
  Add("asks", {10}, 100);
  EXPECT_EQ(ReasonFor(Asking(100)), std::nullopt);
  options_.max_queued_cost_per_customer = nanoseconds(kCostNs);
  EXPECT_EQ(ReasonFor(Asking(100)), RejectReason::kCustomerCostFull);
  options_.max_queued_bytes_per_customer = 199;
  EXPECT_EQ(ReasonFor(Asking(100)), RejectReason::kCustomerBytesFull);
  options_.max_queued_requests_per_customer = 1;
  EXPECT_EQ(ReasonFor(Asking(100)), RejectReason::kCustomerQueueFull);
  customers_.Configure("asks", {.max_queued_requests = 2, .max_queued_bytes = 200, .max_queued_cost = seconds(1)});
  EXPECT_EQ(ReasonFor(Asking(100)), std::nullopt);
}

TEST_F(Admitting, LooksAtTheWholeQueueLast) {
  Add("asks", {10});
  options_.max_queued_requests = options_.max_queued_requests_per_customer = 1;
  EXPECT_EQ(ReasonFor(Asking()), RejectReason::kCustomerQueueFull);
  FailTheBackend();
  now_ += seconds(1) - nanoseconds(1);
  backends_.Started(0);
  backends_.Failed(0, now_);  // it is paused when it has been failing for a second
  now_ += nanoseconds(1);
  EXPECT_EQ(ReasonFor(Asking()), RejectReason::kNoBackend);
  EXPECT_EQ(ReasonFor(Asking(0, now_)), RejectReason::kDeadlinePassed);
  admission_.Stop();
  EXPECT_EQ(ReasonFor(Asking(0, now_)), RejectReason::kShuttingDown);
}

TEST_F(Admitting, TakesRoomFromWhoeverHasTheMostNewestFirst) {
  options_.max_queued_requests = 4;
  for (int i = 0; i < 3; ++i) Add("flood", {10});
  Add("other", {10});
  EXPECT_TRUE(MakeRoom(RejectReason::kQueueFull, Asking()));
  EXPECT_THAT(shed_, ElementsAre("flood 3"));
  EXPECT_EQ(ReasonFor(Asking()), std::nullopt);
}

TEST_F(Admitting, TakesNoRoomFromACustomerThatHasNoMoreThanTheOneThatAsks) {
  options_.max_queued_requests = 3;
  Add("asks", {10});
  Add("other", {10});
  Add("other", {10});
  EXPECT_FALSE(MakeRoom(RejectReason::kQueueFull, Asking()));
  EXPECT_THAT(shed_, IsEmpty());
  // The control: by weight it has less.
  customers_.Configure("asks", {.weight = 2});
  EXPECT_TRUE(MakeRoom(RejectReason::kQueueFull, Asking()));
  EXPECT_THAT(shed_, ElementsAre("other 3"));
}

TEST_F(Admitting, TakesNoRoomFromTheOneThatAsks) {
  options_.max_queued_requests = 3;
  for (int i = 0; i < 3; ++i) Add("asks", {1000});
  EXPECT_FALSE(MakeRoom(RejectReason::kQueueFull, Asking()));
  EXPECT_THAT(shed_, IsEmpty());
}

TEST_F(Admitting, ShedsNothingIfTheQueueIsNotTheReason) {
  for (int i = 0; i < 3; ++i) Add("flood", {1000});
  for (int reason = 0; reason < kRejectReasons; ++reason) {
    if (reason <= static_cast<int>(RejectReason::kCostFull)) continue;
    EXPECT_FALSE(MakeRoom(static_cast<RejectReason>(reason), Asking())) << reason;
  }
  EXPECT_THAT(shed_, IsEmpty());
}

TEST_F(Admitting, ShedsAFewAtMostAndThenLetsInUpToTwiceTheCost) {
  options_.max_queued_cost = nanoseconds(20 * kCostNs);
  for (int i = 0; i < 40; ++i) Add("flood", {10});
  EXPECT_TRUE(MakeRoom(RejectReason::kCostFull, Asking()));
  EXPECT_EQ(shed_.size(), 8U);
  for (int i = 0; i < 20; ++i) Add("flood", {10});
  EXPECT_FALSE(MakeRoom(RejectReason::kCostFull, Asking()));  // 52 - 8 are not less than 40
  EXPECT_EQ(shed_.size(), 16U);
}

TEST_F(Admitting, TellsTheLimitThatIsReached) {
  options_.max_queued_requests = 100;
  options_.max_queued_cost = milliseconds(1500);
  Add("asks", {10});
  customers_.Configure("asks", {.max_queued_requests = 50});
  Customer* const asks = customers_.Find("asks");
  EXPECT_EQ(admission_.Refuse(RejectReason::kQueueFull, Asking(), asks, now_).limit, 100U);
  EXPECT_EQ(admission_.Refuse(RejectReason::kCostFull, Asking(), asks, now_).limit, 1500U);
  EXPECT_EQ(admission_.Refuse(RejectReason::kCustomerQueueFull, Asking(), asks, now_).limit, 50U);
}

TEST_F(Admitting, TellsNoTimeToARequestThatNeverFits) {
  options_.max_queued_bytes = options_.max_queued_bytes_per_customer = 50;
  Add("asks", {10}, 50);
  Customer* const asks = customers_.Find("asks");
  EXPECT_EQ(admission_.Refuse(RejectReason::kBytesFull, Asking(51), asks, now_).retry_after, Duration::zero());
  EXPECT_EQ(admission_.Refuse(RejectReason::kCustomerBytesFull, Asking(51), asks, now_).retry_after, Duration::zero());
  EXPECT_EQ(admission_.Refuse(RejectReason::kCustomerBytesFull, Asking(51), nullptr, now_).retry_after,
            Duration::zero());
  EXPECT_GT(admission_.Refuse(RejectReason::kBytesFull, Asking(50), asks, now_).retry_after, Duration::zero());
}

TEST_F(Admitting, PromisesEachAnotherPlaceAndNoneBeyondAMinute) {
  options_.max_queued_requests = 10;
  for (int i = 0; i < 10; ++i) Add("asks", {10});
  Duration before{};
  for (int i = 0; i < 5000; ++i) {
    const Duration wait =
        admission_.Refuse(RejectReason::kQueueFull, Asking(), customers_.Find("asks"), now_).retry_after;
    EXPECT_GE(wait, before);
    EXPECT_LE(wait, Admission::kFurthest);
    before = wait;
  }
  EXPECT_EQ(before, Admission::kFurthest);
}

TEST_F(Admitting, KeepsAPlaceForTheCallThatItWasPromisedTo) {
  options_.max_queued_requests = 10;
  PendingRequest& first = Add("flood", {10});
  for (int i = 0; i < 9; ++i) Add("flood", {10});
  const Duration wait = admission_.Refuse(RejectReason::kQueueFull, Asking(), nullptr, now_).retry_after;
  now_ += wait;
  End(first);
  EXPECT_EQ(ReasonFor(Asking()), std::nullopt);
  EXPECT_EQ(ReasonFor(Asking(1)), RejectReason::kQueueFull);  // another request
  EXPECT_EQ(ReasonFor({"other", kShort, kNever, 0}), RejectReason::kQueueFull);
  admission_.Accepted(Asking(), nullptr, now_);
  EXPECT_EQ(ReasonFor(Asking(1)), std::nullopt);
}

TEST_F(Admitting, KeepsNoPlaceForACallThatDoesNotComeNorWhileHardlyAnythingWaits) {
  options_.max_queued_requests = 10;
  std::vector<PendingRequest*> requests;
  for (int i = 0; i < 10; ++i) requests.push_back(&Add("flood", {10}));
  now_ += admission_.Refuse(RejectReason::kQueueFull, Asking(), nullptr, now_).retry_after;
  End(*requests[0]);
  EXPECT_EQ(ReasonFor(Asking(1)), RejectReason::kQueueFull);
  for (int i = 1; i < 6; ++i) End(*requests[static_cast<std::size_t>(i)]);
  EXPECT_EQ(ReasonFor(Asking(1)), std::nullopt);  // four wait, and a batch holds five
  for (int i = 0; i < 5; ++i) Add("flood", {10});
  EXPECT_EQ(ReasonFor(Asking(1)), RejectReason::kQueueFull);
  now_ += PromisedPlaces::kGrace + nanoseconds(1);
  EXPECT_EQ(ReasonFor(Asking(1)), std::nullopt);
}

TEST_F(Admitting, PromisesNothingForATimeAfterTheDeadline) {
  options_.max_queued_requests = 10;
  PendingRequest& first = Add("flood", {10});
  for (int i = 0; i < 9; ++i) Add("flood", {10});
  admission_.Answered(first, now_);  // the backend's costs are known from now on
  const Arrival hurried = Asking(0, now_ + nanoseconds(1));
  EXPECT_GT(admission_.Refuse(RejectReason::kQueueFull, hurried, nullptr, now_).retry_after, nanoseconds(1));
  End(first);
  EXPECT_EQ(ReasonFor(Asking(1)), std::nullopt);  // nothing is kept
}

TEST_F(Admitting, TellsWhenABackendIsTriedAgain) {
  FailTheBackend();
  EXPECT_EQ(admission_.Refuse(RejectReason::kNoBackend, Asking(), nullptr, now_).retry_after,
            options_.backends.pause_minimum);
  backends_.HealthChecked(0, HealthReport::kNotServing, now_);  // nobody knows
  EXPECT_EQ(admission_.Refuse(RejectReason::kNoBackend, Asking(), nullptr, now_).retry_after,
            options_.backends.pause_maximum);
}

// Each takes a second at the one backend that is there at first. Four fifths of the predicted time must be left.
class AdmittingDeadlines : public Admitting {
 protected:
  AdmittingDeadlines() { KnowCostOf(0, kLong.front()); }

  Batch Run(PendingRequest& request, BackendId backend) {
    Batch batch = Start({&request}, backend);
    running_.Add(batch);
    return batch;
  }
  bool CanBeMet(Duration left) { return ReasonFor({"asks", kLong, now_ + left, 0}) != RejectReason::kDeadlineTooSoon; }

  const std::vector<std::uint32_t> kLong = {1000};
};

TEST_F(AdmittingDeadlines, CountsTheServiceAlone) {
  EXPECT_TRUE(CanBeMet(milliseconds(820)));
  EXPECT_FALSE(CanBeMet(milliseconds(780)));
}

TEST_F(AdmittingDeadlines, CountsWhatIsLeftOfTheRunningBatch) {
  Run(Add("other", kLong), 0);
  EXPECT_TRUE(CanBeMet(milliseconds(1620)));
  EXPECT_FALSE(CanBeMet(milliseconds(1580)));
  now_ += milliseconds(500);
  EXPECT_TRUE(CanBeMet(milliseconds(1220)));
  EXPECT_FALSE(CanBeMet(milliseconds(1180)));
}

TEST_F(AdmittingDeadlines, CountsNothingForABatchThatIsOverdueHoweverLongItHangs) {
  Run(Add("other", kLong), 0);
  for (const Duration hung : {Duration(seconds(1)), Duration(seconds(10)), Duration(std::chrono::hours(24))}) {
    now_ += hung;
    EXPECT_TRUE(CanBeMet(milliseconds(820)));
    EXPECT_FALSE(CanBeMet(milliseconds(780)));
  }
}

TEST_F(AdmittingDeadlines, CountsTheSlotThatIsFreeFirst) {
  const BackendId other = backends_.Add("other", 1, CostModel{});
  KnowCostOf(other, kLong.front());
  Run(Add("other", kLong), 0);
  EXPECT_TRUE(CanBeMet(milliseconds(820)));
  now_ += milliseconds(500);
  Run(Add("other", kLong), other);
  EXPECT_TRUE(CanBeMet(milliseconds(1220)));
  EXPECT_FALSE(CanBeMet(milliseconds(1180)));
  backends_.HealthChecked(0, HealthReport::kNotServing, now_);  // its slot is of no use now
  EXPECT_TRUE(CanBeMet(milliseconds(1620)));
  EXPECT_FALSE(CanBeMet(milliseconds(1580)));
}

TEST_F(AdmittingDeadlines, CountsAPauseThatIsOverBeforeTheBatch) {
  const BackendId other = backends_.Add("other", 1, CostModel{});
  KnowCostOf(other, kLong.front());
  Run(Add("other", kLong), 0);
  backends_.Started(other);
  backends_.Failed(other, now_);  // for 100 ms
  EXPECT_TRUE(CanBeMet(milliseconds(900)));
  EXPECT_FALSE(CanBeMet(milliseconds(860)));
}

TEST_F(AdmittingDeadlines, CountsNoWaitForABatchThatIsOnlyBelievedToTakeLong) {
  Run(Add("other", {10'000}), 0);
  EXPECT_TRUE(CanBeMet(milliseconds(820)));
}

TEST_F(AdmittingDeadlines, CountsNoWaitForABatchThatNobodyWaitsFor) {
  PendingRequest& request = Add("other", kLong);
  Run(request, 0);
  EXPECT_FALSE(CanBeMet(milliseconds(820)));
  End(request);
  EXPECT_TRUE(CanBeMet(milliseconds(820)));
}

TEST_F(AdmittingDeadlines, DoesNotCountTheQueue) {
  for (int i = 0; i < 100; ++i) Add("other", kLong);
  EXPECT_TRUE(CanBeMet(milliseconds(820)));
}

}  // namespace
}  // namespace smartbatch::scheduling
