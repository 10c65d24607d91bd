// Each customer is charged once for a batch, for all of its sequences.
#include "services/proxy/scheduling/customers/batch_bill.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proxy/scheduling/queue_fixture.h"

namespace smartbatch::scheduling {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pair;

class Billing : public QueueFixture {
 protected:
  std::vector<std::pair<std::string, double>> Charges(const CostModel& cost) {
    std::vector<std::pair<std::string, double>> charges;
    bill_.Settle(batch_, cost, [&](Customer& customer, double charged_seconds) {
      EXPECT_EQ(customer.unsettled_seconds, 0);
      charges.emplace_back(customer.name, charged_seconds);
    });
    return charges;
  }
  BatchBill bill_;
  Selection batch_;
};

TEST_F(Billing, ACustomerIsChargedOnceForAllItsSequences) {
  batch_.Clear(5);
  batch_.TakeWaitingOf(Add("a", {100, 100}));
  batch_.TakeWaitingOf(Add("b", {200}));
  batch_.TakeWaitingOf(Add("a", {100}));
  // Four customers share the first 10 ms, one pays the rest.
  const CostModel cost{.fixed = 0, .quadratic = 1e-6, .per_sequence = 0, .per_character = 0};
  EXPECT_THAT(Charges(cost), ElementsAre(Pair("a", DoubleNear(0.0075, 1e-12)), Pair("b", DoubleNear(0.0325, 1e-12))));
}

TEST_F(Billing, AFreeRiderIsNotCharged) {
  batch_.Clear(5);
  batch_.TakeWaitingOf(Add("a", {200}));
  batch_.RestRidesFree();
  batch_.TakeWaitingOf(Add("b", {100}));
  EXPECT_THAT(Charges(CostModel{}), ElementsAre(Pair("a", DoubleNear(0.04, 1e-12))));
  EXPECT_THAT(Charges(CostModel{}), ElementsAre());  // nothing is left over
}

TEST_F(Billing, WhatIsSentAgainIsNotChargedAgainAndOthersPayAsIfItWereNotThere) {
  PendingRequest& again = Add("a", {200});
  batch_.Clear(5);
  batch_.TakeWaitingOf(again);
  EXPECT_THAT(Charges(CostModel{}), ElementsAre(Pair("a", DoubleNear(0.04, 1e-12))));
  batch_.Clear(5);
  batch_.TakeWaitingOf(again);
  batch_.TakeWaitingOf(Add("b", {100}));
  EXPECT_THAT(Charges(CostModel{}), ElementsAre(Pair("b", DoubleNear(0.01, 1e-12))));
}

TEST_F(Billing, ARiderBesideASequenceThatIsSentAgainPaysForTheSeatAlone) {
  PendingRequest& again = Add("a", {200});
  batch_.Clear(5);
  batch_.TakeWaitingOf(again);
  Charges(CostModel{});
  batch_.Clear(5);
  batch_.TakeWaitingOf(again);
  batch_.RestRidesFree();
  batch_.TakeWaitingOf(Add("b", {100}));
  const CostModel cost{.fixed = 1, .quadratic = 1, .per_sequence = 0.5, .per_character = 0};
  EXPECT_THAT(Charges(cost), ElementsAre(Pair("b", DoubleNear(0.5, 1e-12))));
}

TEST_F(Billing, TheSeatBesideWhatIsSentAgainCostsWhatTheBatchTakesLonger) {
  for (const CostModel& cost : {CostModel{.fixed = 0.01, .quadratic = 0, .per_character_squared = 1e-7},
                                CostModel{.fixed = 0.01, .quadratic = 0, .per_character = 1e-4, .knee = 3}}) {
    PendingRequest& again = Add("a", {200});
    batch_.Clear(5);
    batch_.TakeWaitingOf(again);
    Charges(cost);
    batch_.Clear(5);
    batch_.TakeWaitingOf(again);
    batch_.RestRidesFree();
    batch_.TakeWaitingOf(Add("b", {100}));
    EXPECT_THAT(Charges(cost), ElementsAre(Pair("b", DoubleNear(cost.Seconds(2, 200) - cost.Seconds(1, 200), 1e-12))));
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
