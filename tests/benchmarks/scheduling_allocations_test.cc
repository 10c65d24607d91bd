// Scheduling takes no memory for a request once it has been at work for a while.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include <gtest/gtest.h>

#include "common/cost_model.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/benchmarks/standing_queue.h"

namespace {
std::atomic<std::uint64_t> allocations = 0;
}  // namespace

// The C++ standard lets a program put its own in the place of these; the others call them.
void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }

namespace smartbatch::scheduling {
namespace {

double AllocationsForEachBatch(const StandingQueue::Shape& shape) {
  StandingQueue queue(shape);
  EXPECT_TRUE(queue.TurnOver());
  constexpr int kBatches = 1000;
  for (int i = 0; i < kBatches; ++i) EXPECT_TRUE(queue.ServeBatch());
  const std::uint64_t before = allocations;
  for (int i = 0; i < kBatches; ++i) queue.ServeBatch();
  return static_cast<double>(allocations - before) / kBatches;
}

// Up to five members a batch keeps in itself. What is left is the cost model's, which is fitted anew every 32 batches.
TEST(SchedulingAllocations, AreTheCostModelsAloneInSmallBatches) {
  for (const StrategySpecification& strategy : AllStrategies()) {
    for (const CostProfile& profile : CostProfiles()) {
      EXPECT_LE(AllocationsForEachBatch({.strategy = strategy.name, .cost = profile.cost, .max_batch_size = 5}), 1.5)
          << strategy.name << " " << profile.name;
    }
  }
}

// Sixty-four members have their list, as it is formed, while it runs and in its end; a few more are nodes of the orders
// that are trees. One for each member, or for each of some twenty requests, would be far above.
TEST(SchedulingAllocations, AreOfABatchAndNotOfItsRequests) {
  for (const StrategySpecification& strategy : AllStrategies()) {
    for (const CostProfile& profile : CostProfiles()) {
      EXPECT_LE(AllocationsForEachBatch({.strategy = strategy.name, .cost = profile.cost, .max_batch_size = 64}), 7.5)
          << strategy.name << " " << profile.name;
    }
  }
}

TEST(SchedulingAllocations, AreSeenIfThereAreAny) {
  const std::uint64_t before = allocations;
  const auto taken = std::make_unique<std::vector<int>>(100);
  EXPECT_EQ(allocations - before, 2U) << taken->size();
}

}  // namespace
}  // namespace smartbatch::scheduling
