#include "tools/loadgen/engine/arrival_plan.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "common/utf8.h"

namespace smartbatch::loadgen {
namespace {

workload::Workload Builtin(const std::string& name) { return workload::MakeBuiltin(name, {}); }

// Everything a customer does in its first `count` requests, as text.
std::string Describe(ArrivalPlan& plan, std::uint32_t customer, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    if (!plan.IsClosedLoop(customer))
      text += std::to_string(plan.NextArrival(customer).time_since_epoch().count()) + ": ";
    for (const std::string& sequence : plan.NextRequest(customer).sequences) text += sequence + "|";
  }
  return text;
}

TEST(ArrivalPlan, IsFixedByItsSeeds) {
  const TextSource text = TextSource::BuiltIn();
  for (const char* const name : {"two-customers", "seedopen", "burstymixed"}) {
    ArrivalPlan first(Builtin(name), workload::Seeds::All(5), text);
    ArrivalPlan second(Builtin(name), workload::Seeds::All(5), text);
    ArrivalPlan other(Builtin(name), workload::Seeds::All(6), text);
    const std::string described = Describe(first, 1, 50);
    EXPECT_EQ(described, Describe(second, 1, 50)) << name;
    EXPECT_NE(described, Describe(other, 1, 50)) << name;
  }
}

TEST(ArrivalPlan, GivesACustomerTheSameRequestsWhateverTheOthersDo) {
  const TextSource text = TextSource::BuiltIn();
  ArrivalPlan alone(Builtin("seedopen"), workload::Seeds::All(3), text);
  ArrivalPlan among_others(Builtin("seedopen"), workload::Seeds::All(3), text);
  Describe(among_others, 0, 17);
  Describe(among_others, 5, 4);
  EXPECT_EQ(Describe(alone, 2, 30), Describe(among_others, 2, 30));
}

TEST(ArrivalPlan, SendsTheLengthsThatTheWorkloadDraws) {
  const workload::Workload workload = Builtin("mixed");
  const TextSource text = TextSource::BuiltIn();
  ArrivalPlan plan(workload, workload::Seeds::All(9), text);
  workload::RequestSource expected(workload.customers[3].requests, 9, 3);
  std::vector<std::uint32_t> lengths;
  for (int i = 0; i < 100; ++i) {
    expected.Draw(lengths);
    const PlannedRequest request = plan.NextRequest(3);
    ASSERT_EQ(request.sequences.size(), lengths.size());
    for (std::size_t k = 0; k < lengths.size(); ++k) EXPECT_EQ(CountCodePoints(request.sequences[k]), lengths[k]);
    EXPECT_EQ(request.longest, *std::max_element(lengths.begin(), lengths.end()));
  }
}

TEST(ArrivalPlan, BeginsClosedLoopsAtOnce) {
  const TextSource text = TextSource::BuiltIn();
  ArrivalPlan plan(Builtin("two-customers"), workload::Seeds::All(1), text);
  ASSERT_EQ(plan.customer_count(), 2U);
  EXPECT_EQ(plan.FirstArrival(0), Time());
  EXPECT_EQ(plan.NextThinkTime(0), std::chrono::milliseconds(330));
  EXPECT_EQ(plan.NextThinkTime(1), std::chrono::milliseconds(670));
}

}  // namespace
}  // namespace smartbatch::loadgen
