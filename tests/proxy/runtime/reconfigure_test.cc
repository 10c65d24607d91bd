// Other limits, policies and strategies while the dispatcher runs.
#include <string>

#include <gmock/gmock.h>

#include "tests/proxy/runtime/harness.h"

namespace smartbatch::runtime {
namespace {

using scheduling::CustomerPolicy;
using scheduling::RejectReason;
using testing::Harness;
using ::testing::IsEmpty;

TEST(Reconfigure, ALowerLimitHoldsForWhatComesAndEndsNothing) {
  Harness proxy;
  auto& first = proxy.Submit({"a"});
  auto& second = proxy.Submit({"b"});
  Reconfiguration next;
  next.options.max_queued_requests = 1;
  ASSERT_TRUE(proxy.dispatcher.Reconfigure(next).ok());
  const auto& refused = proxy.Submit({"c"}).only_reply();
  EXPECT_EQ(refused.rejection.reason, RejectReason::kQueueFull);
  EXPECT_EQ(refused.rejection.limit, 1U);
  proxy.backend.AnswerNext();
  proxy.backend.AnswerNext();
  EXPECT_EQ(first.only_reply().outcome, scheduling::Outcome::kAnswered);
  EXPECT_EQ(second.only_reply().outcome, scheduling::Outcome::kAnswered);
}

TEST(Reconfigure, ACustomersOwnLimitWinsOverThatOfAll) {
  scheduling::SchedulerOptions options;
  options.max_queued_requests_per_customer = 1;
  Harness proxy(options);
  Reconfiguration next{.options = options, .customers = {{"large", {.max_queued_requests = 2}}}, .strategy = {}};
  ASSERT_TRUE(proxy.dispatcher.Reconfigure(next).ok());
  EXPECT_THAT(proxy.Submit({"a"}, kNever, "large").replies, IsEmpty());
  EXPECT_THAT(proxy.Submit({"b"}, kNever, "large").replies, IsEmpty());
  EXPECT_EQ(proxy.Submit({"c"}, kNever, "large").only_reply().rejection.limit, 2U);
  EXPECT_THAT(proxy.Submit({"d"}, kNever, "plain").replies, IsEmpty());
  EXPECT_EQ(proxy.Submit({"e"}, kNever, "plain").only_reply().rejection.reason, RejectReason::kCustomerQueueFull);
}

TEST(Reconfigure, ACustomerThatIsNoLongerNamedIsLikeEverybodyElse) {
  Harness proxy;
  Reconfiguration next{.options = {}, .customers = {{"a", {.weight = 4}}, {"b", {.weight = 2}}}, .strategy = {}};
  ASSERT_TRUE(proxy.dispatcher.Reconfigure(next).ok());
  const std::vector<std::string> names = {"a", "b"};
  EXPECT_EQ(proxy.dispatcher.Look(names).customers[0].weight, 4);
  next.customers = {{"b", {.weight = 3}}};
  ASSERT_TRUE(proxy.dispatcher.Reconfigure(next).ok());
  EXPECT_EQ(proxy.dispatcher.Look(names).customers[0].weight, 1);
  EXPECT_EQ(proxy.dispatcher.Look(names).customers[1].weight, 3);
}

TEST(Reconfigure, AnotherTimeoutHoldsFromTheNextBatchOn) {
  Harness proxy;
  Reconfiguration next;
  next.options.batch_timeout_minimum = std::chrono::seconds(77);
  ASSERT_TRUE(proxy.dispatcher.Reconfigure(next).ok());
  proxy.Submit({"a"});
  auto batch = proxy.backend.Take();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->timeout, std::chrono::seconds(77));
  testing::ScriptedBackend::Answer(std::move(*batch));
}

TEST(Reconfigure, TheStrategyChangesOnlyIfOneIsGiven) {
  Harness proxy;
  ASSERT_TRUE(proxy.dispatcher.Reconfigure({}).ok());
  EXPECT_EQ(proxy.dispatcher.Look(0).generation, 1U);
  Reconfiguration next;
  next.strategy = {"sjf", {}};
  ASSERT_TRUE(proxy.dispatcher.Reconfigure(next).ok());
  EXPECT_EQ(proxy.dispatcher.Look(0).strategy.name, "sjf");
}

TEST(Reconfigure, IfOneThingIsWrongNothingChanges) {
  Harness proxy;
  Reconfiguration next;
  next.options.max_queued_requests = 1;
  next.customers = {{"a", {.weight = 4}}};
  next.strategy = {"nosuch", {}};
  EXPECT_TRUE(absl::IsInvalidArgument(proxy.dispatcher.Reconfigure(next)));
  next.strategy = {"sjf", {}};
  next.options.max_batch_size = 8;
  EXPECT_TRUE(absl::IsInvalidArgument(proxy.dispatcher.Reconfigure(next)));
  const State state = proxy.dispatcher.Look(std::vector<std::string>{"a"});
  EXPECT_EQ(state.strategy.name, "fcfs");
  EXPECT_EQ(state.max_queued_requests, scheduling::SchedulerOptions().max_queued_requests);
  EXPECT_EQ(state.customers[0].weight, 1);
}

}  // namespace
}  // namespace smartbatch::runtime
