#include "services/proxy/runtime/sharing_advice.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SharingAdviceTest : public ::testing::Test {
 protected:
  void Start(const std::string& strategy) {
    scheduler_ = *scheduling::Scheduler::Create({}, {strategy, {}}, &advice_);
    scheduler_->AddBackend("10.0.0.1:1", 1, {});
  }
  void Switch(const std::string& strategy) { ASSERT_TRUE(scheduler_->SetStrategy({strategy, {}}).ok()); }
  void Call(const std::string& customer) {
    const std::vector<std::uint32_t> lengths = {10};
    scheduling::Effects none;
    scheduler_->Offer({.customer = customer, .lengths = lengths}, now_, none);
  }

  const Time now_{std::chrono::hours(1)};
  std::vector<std::string> told_;
  SharingAdvice advice_{[this](std::string_view strategy) { told_.emplace_back(strategy); }};
  std::unique_ptr<scheduling::Scheduler> scheduler_;
};

TEST_F(SharingAdviceTest, ASecondCustomerUnderTheDefaultIsToldOfOnce) {
  Start("density");
  Call("a");
  Call("a");
  EXPECT_THAT(told_, IsEmpty());
  Call("b");
  EXPECT_THAT(told_, ElementsAre("density"));
  Call("c");
  Call("a");
  EXPECT_THAT(told_, ElementsAre("density"));
}

TEST_F(SharingAdviceTest, NothingIsToldUnderAStrategyThatShares) {
  for (const char* const strategy : {"weighted_fair", "fair", "fair_tiers"}) {
    Start(strategy);
    Call("a");
    Call("b");
    EXPECT_THAT(told_, IsEmpty()) << strategy;
  }
}

TEST_F(SharingAdviceTest, ASwitchToAStrategyThatDoesNotShareIsToldOfAtOnce) {
  Start("weighted_fair");
  Call("a");
  Call("b");
  Switch("sjf");
  EXPECT_THAT(told_, ElementsAre("sjf"));
  Switch("fair");
  Switch("fcfs");
  EXPECT_THAT(told_, ElementsAre("sjf", "fcfs"));
}

TEST_F(SharingAdviceTest, WhatAdaptiveFollowsIsToldOfOnce) {
  Start("adaptive");
  Call("a");
  Call("b");
  ASSERT_TRUE(scheduler_->Follow("sjf").ok());
  ASSERT_TRUE(scheduler_->Follow("density").ok());
  EXPECT_THAT(told_, ElementsAre("density"));
}

}  // namespace
}  // namespace smartbatch::runtime
