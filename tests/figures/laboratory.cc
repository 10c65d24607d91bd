#include "tests/figures/laboratory.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "services/proxy/simulation/trace.h"
#include "services/proxy/simulation/workload_feed.h"

namespace smartbatch::test {
namespace {

constexpr double kSustainedDrainShare = 0.01;
constexpr double kRhoPrecision = 1.01;

std::string KeyOf(const scheduling::StrategyChoice& strategy) {
  std::string key = strategy.name;
  for (const auto& [name, value] : strategy.parameters) key += fmt::format(" {}={}", name, value);
  return key;
}

std::string KeyOf(const CostModel& cost) {
  return fmt::format("{} {} {} {} {} {}", cost.fixed, cost.quadratic, cost.per_sequence, cost.per_character,
                     cost.per_character_squared, cost.knee);
}

std::string KeyOf(const std::optional<CostModel>& belief) { return belief ? KeyOf(*belief) : "-"; }

std::string KeyOf(const Setting& setting, std::uint64_t seed) {
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", setting.workload, setting.rho, KeyOf(setting.strategy),
                     setting.slots, KeyOf(setting.cost), KeyOf(setting.fixed_belief), KeyOf(setting.first_belief),
                     setting.warmup_share, setting.max_batch_size, setting.latency_objective.count(), setting.jitter,
                     setting.error_rate, seed);
}

workload::Workload MakeOneBesideAHog() {
  constexpr workload::UniformLength kLength{155, 155};
  const workload::ClosedLoop at_once{std::chrono::microseconds(500)};
  workload::Workload workload;
  workload.customers.push_back({"one", at_once, {5, 5, kLength}});
  for (int call = 0; call < 12; ++call) workload.customers.push_back({"hog", at_once, {5, 5, kLength}});
  return workload;
}

constexpr char kQuiet[] = "quiet";

workload::Workload MakeQuietBesideAFlood() {
  workload::Workload workload;
  workload.customers.push_back({"flood", workload::Poisson{2600}, {5, 5, workload::UniformLength{20, 20}}});
  workload.customers.push_back({kQuiet, workload::Poisson{3}, {1, 1, workload::UniformLength{200, 200}}});
  return workload;
}

simulation::Trace Draw(const workload::Workload& workload, std::uint64_t requests, std::uint64_t seed) {
  simulation::WorkloadFeed feed(workload, workload::Seeds::All(seed), requests);
  simulation::RecordingFeed recording(feed);
  while (recording.NextTime() != kNever) recording.Take();
  return recording.trace();
}

workload::Workload WorkloadOf(const Setting& setting) {
  if (setting.workload == kOneBesideAHog) return MakeOneBesideAHog();
  return workload::MakeBuiltin(setting.workload, {setting.rho * setting.slots, setting.max_batch_size, setting.cost});
}

simulation::SimulationOptions OptionsOf(const Setting& setting) {
  simulation::SimulationOptions options;
  options.strategy = setting.strategy;
  options.warmup_share = setting.warmup_share;
  simulation::SimulatedBackend& backend = options.backends.front();
  const CostModel& cost = setting.cost;
  backend.slots = setting.slots;
  backend.true_cost = cost;
  backend.jitter = setting.jitter;
  backend.faults.error_rate = setting.error_rate;
  backend.believed_cost = setting.fixed_belief.value_or(setting.first_belief.value_or(cost));
  options.scheduler.learn_costs = !setting.fixed_belief;
  options.scheduler.max_batch_size = setting.max_batch_size;
  options.scheduler.latency_objective = setting.latency_objective;
  return options;
}

simulation::Trace OnlyVictims(const simulation::Trace& all) {
  simulation::Trace victims;
  victims.customers = all.customers;
  for (const simulation::Trace::Record& record : all.records) {
    const bool is_victim = all.customers[record.customer].rfind("victim", 0) == 0;
    if (is_victim) victims.Add(record.time, record.customer, all.LengthsOf(record));
  }
  return victims;
}

double MeanOfVictims(const simulation::Trace& trace, const scheduling::StrategyChoice& strategy) {
  simulation::TraceFeed feed(trace);
  simulation::SimulationOptions options;
  options.strategy = strategy;
  const simulation::Result result = PlayOrDie(feed, options);
  double sum = 0;
  double requests = 0;
  for (const simulation::CustomerResult& customer : result.customers) {
    if (customer.customer.rfind("victim", 0) != 0) continue;
    sum += customer.latency_ms.mean * static_cast<double>(customer.requests);
    requests += static_cast<double>(customer.requests);
  }
  return sum / requests;
}

}  // namespace

bool IsPoisson(const workload::Workload& workload) {
  return std::all_of(workload.customers.begin(), workload.customers.end(), [](const auto& customer) {
    return std::holds_alternative<workload::Poisson>(customer.arrivals) && customer.presence.cycle == Duration::zero();
  });
}

simulation::Result PlayOrDie(simulation::ArrivalFeed& feed, const simulation::SimulationOptions& options) {
  auto result = simulation::Simulate(feed, options);
  if (!result.ok()) {
    fmt::print(stderr, "figures: {} cannot be simulated: {}\n", KeyOf(options.strategy),
               std::string(result.status().message()));
    std::exit(1);
  }
  return *std::move(result);
}

const simulation::Result& Laboratory::Play(const Setting& setting, std::uint64_t seed) {
  const auto [place, is_new] = results_.try_emplace(KeyOf(setting, seed));
  if (!is_new) return place->second;
  const workload::Workload workload = WorkloadOf(setting);
  simulation::WorkloadFeed feed(workload, workload::Seeds::All(seed), scale_.requests);
  simulation::SimulationOptions options = OptionsOf(setting);
  options.poisson_arrivals = IsPoisson(workload);
  options.seed = seed;
  place->second = PlayOrDie(feed, options);
  return place->second;
}

const Sample& Laboratory::Ratios(const scheduling::StrategyChoice& strategy, Splitting splitting, int requests,
                                 std::uint64_t seed) {
  const bool split = splitting == Splitting::kYes;
  const auto [place, is_new] = ratios_.try_emplace(fmt::format("{}|{}|{}|{}", KeyOf(strategy), split, requests, seed));
  if (is_new) place->second = RatiosToOptimum(strategy, splitting, requests, scale_.instances, seed);
  return place->second;
}

double Laboratory::LargestSustainableRho(Setting setting, std::uint64_t seed) {
  setting.rho = 0;
  const auto [place, is_new] = rhos_.try_emplace(KeyOf(setting, seed));
  if (!is_new) return place->second;
  const auto sustains = [&](double rho) {
    setting.rho = rho;
    const simulation::Result& result = Play(setting, seed);
    return result.drain_seconds < kSustainedDrainShare * result.arrival_seconds;
  };
  double low = 0.5;
  while (!sustains(low)) low /= 2;
  double high = 2 * low;
  while (sustains(high)) low = std::exchange(high, 2 * high);
  while (high / low > kRhoPrecision) {
    const double middle = (low + high) / 2;
    (sustains(middle) ? low : high) = middle;
  }
  place->second = low;
  return low;
}

const Harm& Laboratory::HarmToVictims(const std::string& workload, double rho,
                                      const scheduling::StrategyChoice& strategy, std::uint64_t requests,
                                      std::uint64_t seed) {
  const auto [place, is_new] =
      harms_.try_emplace(fmt::format("{}|{}|{}|{}|{}", workload, rho, KeyOf(strategy), requests, seed));
  if (!is_new) return place->second;
  const simulation::Trace all = Draw(workload::MakeBuiltin(workload, {rho, 5, {}}), requests, seed);
  place->second = {MeanOfVictims(all, strategy), MeanOfVictims(OnlyVictims(all), strategy)};
  return place->second;
}

const QuietBesideAFlood& Laboratory::PlayQuietBesideAFlood(const scheduling::StrategyChoice& strategy,
                                                           std::uint64_t seed) {
  const auto [place, is_new] = quiet_.try_emplace(fmt::format("{}|{}", KeyOf(strategy), seed));
  if (!is_new) return place->second;
  const simulation::Trace trace = Draw(MakeQuietBesideAFlood(), QuietBesideAFlood::kRequests, seed);
  double offered = 0;
  for (std::size_t i = trace.records.size() / 2; i < trace.records.size(); ++i) {
    if (trace.customers[trace.records[i].customer] == kQuiet) ++offered;
  }
  simulation::TraceFeed feed(trace);
  simulation::SimulationOptions options;
  options.strategy = strategy;
  options.warmup_share = 0.5;
  options.impatience.deadline_share = 1;
  options.impatience.deadline = std::chrono::seconds(5);
  for (const simulation::CustomerResult& customer : PlayOrDie(feed, options).customers) {
    if (customer.customer != kQuiet) continue;
    place->second = {static_cast<double>(customer.requests) / offered, customer.latency_ms.max};
  }
  return place->second;
}

OneBesideAHog ReadOneBesideAHog(const simulation::Result& result) {
  OneBesideAHog read;
  for (const simulation::CustomerResult& customer : result.customers) {
    if (customer.customer != "one") continue;
    read.share = static_cast<double>(customer.requests) / static_cast<double>(result.requests);
    read.mean_ms = customer.latency_ms.mean;
  }
  return read;
}

const std::vector<ComparedCell>& Laboratory::Comparison(std::size_t step, std::uint64_t seed) {
  const auto [place, is_new] = comparisons_.try_emplace({step, seed});
  if (!is_new) return place->second;
  for (const Cell& cell : ComparisonCells(step)) place->second.push_back(Compare(cells_, cell, seed));
  return place->second;
}

const std::vector<ComparedCell>* Laboratory::KnownComparison(std::size_t step, std::uint64_t seed) const {
  const auto found = comparisons_.find({step, seed});
  return found == comparisons_.end() ? nullptr : &found->second;
}

double WorstCustomerP99(const simulation::Result& result) {
  constexpr std::uint64_t kFewestRequests = 1000;
  double worst = 0;
  for (const simulation::CustomerResult& customer : result.customers) {
    if (customer.requests >= kFewestRequests) worst = std::max(worst, customer.latency_ms.p99.value_or(0));
  }
  return worst;
}

}  // namespace smartbatch::test
