#include "tools/loadgen/admin/proxy_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smartbatch::loadgen {
namespace {

using proxy::v1::GetStatusResponse;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

void AddCustomer(const std::string& name, double charged_seconds, double weight, GetStatusResponse& status) {
  proxy::v1::CustomerStatus& customer = *status.add_customers();
  customer.set_customer(name);
  customer.set_charged_seconds(charged_seconds);
  customer.set_weight(weight);
}

void AddBackend(std::uint32_t learned_batches, double quadratic, GetStatusResponse& status) {
  proxy::v1::BackendStatus& backend = *status.add_backends();
  backend.set_learned_batches(learned_batches);
  backend.mutable_cost_model()->set_quadratic(quadratic);
  backend.mutable_cost_model()->set_knee(1);
}

TEST(LearnedCost, IsThatOfTheFirstBackendWithEnoughBatches) {
  GetStatusResponse status;
  EXPECT_FALSE(LearnedCost(status).has_value());
  AddBackend(7, 1e-6, status);
  EXPECT_FALSE(LearnedCost(status).has_value());
  AddBackend(8, 2e-6, status);
  AddBackend(64, 3e-6, status);
  EXPECT_EQ(LearnedCost(status).value(), (CostModel{.quadratic = 2e-6}));
}

TEST(LearnedCost, IsNotKnownIfNothingWouldTakeAnyTime) {
  GetStatusResponse status;
  AddBackend(64, 0, status);
  EXPECT_FALSE(LearnedCost(status).has_value());
}

TEST(ChargedOverWeight, IsTheDifferenceOverTheWeightInTheOrderOfTheCustomers) {
  GetStatusResponse before;
  AddCustomer("a", 5, 1, before);
  GetStatusResponse after;
  AddCustomer("new", 6, 3, after);
  AddCustomer("a", 7, 1, after);
  AddCustomer("somebody else", 70, 1, after);
  EXPECT_THAT(ChargedOverWeight(before, after, {"a", "new"}), ElementsAre(2, 2));
}

TEST(ChargedOverWeight, IsNotKnownIfTheStatusDoesNotListACustomer) {
  GetStatusResponse before;
  for (int i = 0; i < 100; ++i) AddCustomer("other-" + std::to_string(i), 1, 1, before);
  GetStatusResponse after;
  AddCustomer("a", 7, 1, after);
  EXPECT_THAT(ChargedOverWeight({}, after, {"b"}), IsEmpty());
  EXPECT_THAT(ChargedOverWeight({}, after, {"a"}), ElementsAre(7));
  EXPECT_THAT(ChargedOverWeight(before, after, {"a"}), IsEmpty());
}

TEST(ChargedOverWeight, IsNotKnownIfTheAccountOrTheProcessIsAnother) {
  GetStatusResponse before;
  AddCustomer("a", 7, 1, before);
  GetStatusResponse after;
  AddCustomer("a", 1, 1, after);
  EXPECT_THAT(ChargedOverWeight(before, after, {"a"}), IsEmpty());
  after.mutable_customers(0)->set_charged_seconds(8);
  EXPECT_THAT(ChargedOverWeight(before, after, {"a"}), ElementsAre(1));
  after.set_process_id(1);
  EXPECT_THAT(ChargedOverWeight(before, after, {"a"}), IsEmpty());
}

}  // namespace
}  // namespace smartbatch::loadgen
