// What a decision costs: CPU for a request that is offered, chosen and completed, at a given queue length and number of
// customers, once as many requests have been served as wait.
//
//   benchmark-scheduling --benchmark_filter=density
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include <absl/strings/str_cat.h>

#include "common/cost_model.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/benchmarks/standing_queue.h"

namespace smartbatch::scheduling {
namespace {

// One iteration is one batch; the rate of requests is in `items_per_second`, CPU per request in `cpu_per_request`.
void ServeBatches(benchmark::State& state, StandingQueue::Shape shape) {
  shape.queued = static_cast<std::uint64_t>(state.range(0));
  shape.customers = static_cast<std::uint32_t>(state.range(1));
  StandingQueue queue(shape);
  bool busy = queue.TurnOver();
  for (auto _ : state) busy = busy && queue.ServeBatch();
  if (!busy) state.SkipWithError("the strategy left the slot idle");
  if (!queue.has_kept_its_length()) state.SkipWithError("the queue has shrunk");
  state.SetItemsProcessed(static_cast<std::int64_t>(queue.served()));
  state.counters["cpu_per_request"] = benchmark::Counter(static_cast<double>(queue.served()),
                                                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

constexpr std::int64_t kBatchesMeasured = 50'000;

void Register() {
  for (const StrategySpecification& strategy : AllStrategies()) {
    for (const std::uint32_t max_batch_size : {5U, 64U}) {
      const std::string name = absl::StrCat(strategy.name, "/batch:", max_batch_size);
      auto* const entry =
          benchmark::RegisterBenchmark(name.c_str(), [&strategy, max_batch_size](benchmark::State& state) {
            ServeBatches(state, {.strategy = strategy.name, .max_batch_size = max_batch_size});
          });
      // As many as are steady on a quiet machine; left to itself the library fills the queue anew for each guess.
      entry->ArgNames({"queued", "customers"})->Unit(benchmark::kMicrosecond)->Iterations(kBatchesMeasured);
      for (const std::int64_t queued : {1'000, 30'000, 1'000'000}) {
        for (const std::int64_t customers : {1, 1'000, 100'000}) {
          if (customers <= queued) entry->Args({queued, customers});
        }
      }
    }
  }
  // Where riders cost something more has to be weighed.
  for (const char* const name : {"density", "weighted_fair", "deadline"}) {
    for (const CostProfile& profile : CostProfiles()) {
      for (const std::uint32_t max_batch_size : {16U, 64U}) {
        auto* const entry = benchmark::RegisterBenchmark(
            absl::StrCat(name, "/cost:", std::string(profile.name), "/batch:", max_batch_size).c_str(),
            [=, cost = profile.cost](benchmark::State& state) {
              ServeBatches(state, {.strategy = name, .cost = cost, .max_batch_size = max_batch_size});
            });
        entry->ArgNames({"queued", "customers"})->Unit(benchmark::kMicrosecond)->Iterations(kBatchesMeasured);
        for (const std::int64_t queued : {100, 1'000, 10'000, 100'000}) entry->Args({queued, 100});
      }
    }
  }
}

}  // namespace
}  // namespace smartbatch::scheduling

int main(int argc, char** argv) {
  smartbatch::scheduling::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
