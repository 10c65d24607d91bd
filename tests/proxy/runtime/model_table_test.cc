#include "services/proxy/runtime/model_table.h"

#include <gtest/gtest.h>

#include "services/proxy/runtime/clock.h"

namespace smartbatch::runtime {
namespace {

TEST(ModelTable, FindsEachModelByItsNameAndTheFirstByNone) {
  const SteadyClock clock;
  Dispatcher first(*scheduling::Scheduler::Create({}, {"fcfs", {}}, nullptr), clock, nullptr);
  Dispatcher second(*scheduling::Scheduler::Create({}, {"fcfs", {}}, nullptr), clock, nullptr);
  const RecentDecisions decisions;
  const RequestStatistics statistics;
  const ModelTable models({{"a", first, decisions, statistics}, {"b", second, decisions, statistics}});
  EXPECT_EQ(&models.Find("a")->dispatcher, &first);
  EXPECT_EQ(&models.Find("b")->dispatcher, &second);
  EXPECT_EQ(&models.Find("")->dispatcher, &first);
  EXPECT_EQ(models.Find("c"), nullptr);
  EXPECT_EQ(models.Find("A"), nullptr);
  EXPECT_EQ(models.Names(), "a, b");
}

}  // namespace
}  // namespace smartbatch::runtime
