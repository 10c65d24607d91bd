// What all models share of their traces.
#include "services/proxy/observers/traces/traces.h"

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "services/proxy/runtime/clock.h"

namespace smartbatch::traces {
namespace {

std::ptrdiff_t Threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), std::filesystem::directory_iterator());
}

TEST(TheTraces, OfAllModelsAreSentByTheSameThreads) {
  const runtime::SteadyClock clock;
  const std::ptrdiff_t before = Threads();
  auto traces = Traces::Open({.endpoint = "http://127.0.0.1:1/v1/traces", .version = "1"}, clock);
  ASSERT_TRUE(traces.ok()) << traces.status();
  const std::ptrdiff_t opened = Threads();
  EXPECT_GT(opened, before);
  std::vector<std::unique_ptr<ModelTraces>> models;
  for (const std::string model : {"one", "two", "three"}) models.push_back((*traces)->Of(model));
  EXPECT_EQ(Threads(), opened);
  EXPECT_NE(&models[0]->scheduler_observer(), &models[1]->scheduler_observer());
  models.clear();
  (*traces)->Close();
}

}  // namespace
}  // namespace smartbatch::traces
