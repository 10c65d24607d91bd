// What order alone can gain before a model on a processor: the texts of tests/benchmarks/contest.sh, in the simulator.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/workload/workload_file.h"
#include "services/proxy/simulation/trace.h"
#include "services/proxy/simulation/workload_feed.h"
#include "tests/figures/figure_table.h"

namespace smartbatch::test {
namespace {

using Bound = Figure::Bound;
using scheduling::StrategyChoice;

constexpr char kGroup[] = "What order can gain before MiniLM: the texts of the contest, over no batching";
constexpr std::uint64_t kRequests = 60'000;
constexpr std::uint32_t kShortCharacters = 200;
constexpr std::uint32_t kMostTexts = 5;
// What a batch of one text took in the contest, from its dispatch to its answer: a median error of 8 %.
constexpr CostModel kTextCost{.fixed = 3.5e-3, .quadratic = 0, .per_character = 35.6e-6};

// Arrivals that keep the model busy for the share `load` of the time if each text is served alone. Their customers are
// `short`, the texts of at most kShortCharacters, and `long`.
simulation::Trace DrawTexts(double load, std::uint64_t seed) {
  const auto workload = workload::ReadWorkloadFile(SMARTBATCH_SOURCE_DIR "/tests/benchmarks/contest/minilm.json");
  if (!workload.ok()) {
    fmt::print(stderr, "figures: {}\n", std::string(workload.status().message()));
    std::exit(1);
  }
  simulation::WorkloadFeed feed(*workload, workload::Seeds::All(seed), kRequests);
  simulation::RecordingFeed recording(feed);
  while (recording.NextTime() != kNever) recording.Take();
  simulation::Trace texts = recording.trace();
  texts.customers = {"short", "long"};
  double seconds = 0;
  for (simulation::Trace::Record& record : texts.records) {
    const std::uint32_t length = texts.LengthsOf(record).front();
    record.customer = length <= kShortCharacters ? 0 : 1;
    seconds += kTextCost.Alone(length);
  }
  const double arrivals = ToSeconds(texts.records.back().time.time_since_epoch());
  return Faster(std::move(texts), arrivals * load / seconds);
}

simulation::Result PlayTexts(const simulation::Trace& texts, const StrategyChoice& strategy, std::uint32_t seats) {
  simulation::SimulationOptions options;
  options.strategy = strategy;
  options.scheduler.max_batch_size = seats;
  options.warmup_share = 0;
  options.poisson_arrivals = true;
  options.backends.front().true_cost = kTextCost;
  // The proxy's default belief, from which it learns.
  options.backends.front().believed_cost = CostModel{};
  simulation::TraceFeed feed(texts);
  return PlayOrDie(feed, options);
}

double MeanMilliseconds(const simulation::Result& result) { return result.latency_ms.mean; }
double P99Milliseconds(const simulation::Result& result) { return result.latency_ms.p99.value_or(NAN); }
double ShortMilliseconds(const simulation::Result& result) {
  const auto found = std::find_if(result.customers.begin(), result.customers.end(),
                                  [](const auto& customer) { return customer.customer == "short"; });
  return found == result.customers.end() ? NAN : found->latency_ms.mean;
}

// The least mean of short texts under any policy that does not know the future: what they take, and the rest of the
// batch that they find running, which the bound on the mean of all texts has too.
double FloorOfShortMilliseconds(const simulation::Trace& texts, const simulation::Result& result) {
  double all = 0;
  double of_short = 0;
  double short_texts = 0;
  for (const simulation::Trace::Record& record : texts.records) {
    const double milliseconds = 1e3 * kTextCost.Alone(texts.LengthsOf(record).front());
    all += milliseconds;
    if (record.customer != 0) continue;
    of_short += milliseconds;
    ++short_texts;
  }
  const double finds_running = result.lower_bound_ms.value() - all / static_cast<double>(texts.records.size());
  return of_short / short_texts + finds_running;
}

}  // namespace

std::vector<Figure> ContestFigures() {
  const StrategyChoice no_batching{"fcfs", {{"linger_ms", "0"}}};
  const StrategyChoice density{"density", {}};
  const StrategyChoice for_the_mean{"density", {{"age_exponent", "0.25"}}};
  const StrategyChoice for_the_tail{"density", {{"age_exponent", "1"}}};
  const StrategyChoice shortest_first{"sjf", {}};
  std::vector<Figure> figures;
  const auto add = [&](std::string name, Bound kind, double bound, auto measure) {
    Figure& figure = figures.emplace_back();
    figure.group = kGroup;
    figure.name = std::move(name);
    figure.bound_kind = kind;
    figure.bound = bound;
    figure.requests = kRequests;
    figure.is_cheap = true;
    figure.measure = measure;
  };
  const auto ratio = [&](double load, const char* name, const StrategyChoice& strategy, std::uint32_t seats,
                         const char* of, auto quantity, Bound kind, double bound) {
    add(fmt::format("load {}: {}, {}", load, of, name), kind, bound,
        [=](Laboratory& /*laboratory*/, std::uint64_t seed) {
          const simulation::Trace texts = DrawTexts(load, seed);
          return quantity(PlayTexts(texts, strategy, seats)) / quantity(PlayTexts(texts, no_batching, 1));
        });
  };
  struct Promise {
    double load, mean, p99, mean_of_short;
    double mean_for_the_mean, mean_for_the_tail, p99_for_the_tail;
    double mean_of_shortest_first, floor_of_short;  // at least
  };
  const Promise promises[] = {
      {0.8, 0.68, 1, 0.37, 0.65, 0.78, 0.9, 0.62, 0.25},
      {0.9, 0.52, 0.95, 0.23, 0.48, 0.6, 0.8, 0.46, 0.13},
  };
  for (const Promise& each : promises) {
    const double load = each.load;
    ratio(load, "density", density, kMostTexts, "mean", MeanMilliseconds, Bound::kAtMost, each.mean);
    ratio(load, "density", density, kMostTexts, "p99", P99Milliseconds, Bound::kAtMost, each.p99);
    ratio(load, "density", density, kMostTexts, "mean of short texts", ShortMilliseconds, Bound::kAtMost,
          each.mean_of_short);
    ratio(load, "density with age_exponent 0.25", for_the_mean, kMostTexts, "mean", MeanMilliseconds, Bound::kAtMost,
          each.mean_for_the_mean);
    ratio(load, "density with age_exponent 1", for_the_tail, kMostTexts, "mean", MeanMilliseconds, Bound::kAtMost,
          each.mean_for_the_tail);
    ratio(load, "density with age_exponent 1", for_the_tail, kMostTexts, "p99", P99Milliseconds, Bound::kAtMost,
          each.p99_for_the_tail);
    ratio(load, "sjf, one text at a time", shortest_first, 1, "mean", MeanMilliseconds, Bound::kAtLeast,
          each.mean_of_shortest_first);
    add(fmt::format("load {}: mean of short texts, floor of every policy", load), Bound::kAtLeast, each.floor_of_short,
        [=](Laboratory& /*laboratory*/, std::uint64_t seed) {
          const simulation::Trace texts = DrawTexts(load, seed);
          return FloorOfShortMilliseconds(texts, PlayTexts(texts, density, kMostTexts)) /
                 ShortMilliseconds(PlayTexts(texts, no_batching, 1));
        });
  }
  return figures;
}

}  // namespace smartbatch::test
