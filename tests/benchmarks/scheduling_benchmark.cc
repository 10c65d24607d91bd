// What a decision costs: CPU for a request that is offered, chosen and completed, at a given queue length and number of
// customers. Each iteration offers one request for every one that ends, so the queue keeps its length.
//
//   benchmark-scheduling --benchmark_filter=density
#include <benchmark/benchmark.h>

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/random.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::scheduling {
namespace {

// Requests drawn beforehand: the drawing is not what is measured. Each has its customer's name at hand, as one that has
// just come in has; a table of all names would be fetched from memory at every offer.
class RequestPool {
 public:
  RequestPool(std::uint32_t customers, std::uint32_t most_sequences) {
    Random random(1);
    constexpr std::size_t kRequests = 1 << 16;
    for (std::size_t i = 0; i < kRequests; ++i) {
      Request request{absl::StrCat("customer-", random.Between(0, customers - 1)), {}};
      request.lengths.resize(static_cast<std::size_t>(random.Between(1, most_sequences)));
      for (std::uint32_t& length : request.lengths) {
        length = static_cast<std::uint32_t>(std::clamp(random.Lognormal(80, 1), 10.0, 2000.0));
      }
      requests_.push_back(std::move(request));
    }
  }
  Arrival Next() {
    const Request& request = requests_[next_++ % requests_.size()];
    Arrival arrival;
    arrival.customer = request.customer;
    arrival.lengths = request.lengths;
    return arrival;
  }

 private:
  struct Request {
    std::string customer;
    std::vector<std::uint32_t> lengths;
  };
  std::vector<Request> requests_;
  std::size_t next_ = 0;
};

// One iteration is one batch; the rate of requests is in `items_per_second`, CPU per request in `cpu_per_request`.
void OfferSelectComplete(benchmark::State& state, const std::string& strategy, std::uint32_t max_batch_size,
                         const CostModel& cost) {
  const auto queued = static_cast<std::uint64_t>(state.range(0));
  const auto customers = static_cast<std::uint32_t>(state.range(1));
  SchedulerOptions options;
  options.max_batch_size = max_batch_size;
  options.max_queued_requests = options.max_queued_requests_per_customer = 100'000'000;
  options.max_queued_cost = options.max_queued_cost_per_customer = std::chrono::hours(1'000'000);
  const std::unique_ptr<Scheduler> scheduler = *Scheduler::Create(options, {strategy, {}}, nullptr);
  scheduler->AddBackend("backend", 1, cost);
  RequestPool pool(customers, 5);

  Time now{};
  // The queue has the ages that one arrival every 20 microseconds gives it.
  constexpr Duration kGap = std::chrono::microseconds(20);
  Effects effects;
  Effects none;
  for (std::uint64_t i = 0; i < queued; ++i) scheduler->Offer(pool.Next(), now += kGap, none);
  std::uint64_t requests = 0;
  for (auto _ : state) {
    const Step step = scheduler->Next(now);
    if (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      now = wait->time;
      continue;
    }
    const auto* const batch = std::get_if<Batch>(&step);
    if (batch == nullptr) {
      state.SkipWithError("the strategy left the slot idle");
      break;
    }
    now += FromSeconds(batch->predicted_seconds);
    scheduler->Complete(batch->id, absl::OkStatus(), now, effects);
    for (std::size_t i = 0; i < effects.finished.size(); ++i) scheduler->Offer(pool.Next(), now += kGap, none);
    requests += effects.finished.size();
    effects.finished.clear();
  }
  if (scheduler->pending().waiting_requests() + max_batch_size < queued) state.SkipWithError("the queue has shrunk");
  state.SetItemsProcessed(static_cast<std::int64_t>(requests));
  state.counters["cpu_per_request"] =
      benchmark::Counter(static_cast<double>(requests), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

constexpr std::int64_t kBatchesMeasured = 50'000;

void Register() {
  for (const StrategySpecification& strategy : AllStrategies()) {
    for (const std::uint32_t max_batch_size : {5U, 64U}) {
      const std::string name = absl::StrCat(strategy.name, "/batch:", max_batch_size);
      auto* const entry =
          benchmark::RegisterBenchmark(name.c_str(), [&strategy, max_batch_size](benchmark::State& state) {
            OfferSelectComplete(state, strategy.name, max_batch_size, {});
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
  for (const char* const name : {"density", "weighted_fair"}) {
    for (const CostProfile& profile : CostProfiles()) {
      for (const std::uint32_t max_batch_size : {16U, 64U}) {
        auto* const entry = benchmark::RegisterBenchmark(
            absl::StrCat(name, "/cost:", std::string(profile.name), "/batch:", max_batch_size).c_str(),
            [=, cost = profile.cost](benchmark::State& state) {
              OfferSelectComplete(state, name, max_batch_size, cost);
            });
        entry->ArgNames({"queued", "customers"})->Unit(benchmark::kMicrosecond)->Iterations(kBatchesMeasured);
        for (const std::int64_t queued : {1'000, 100'000}) entry->Args({queued, 100});
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
