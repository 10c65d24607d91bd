#include "tests/figures/cells.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "common/random.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/workload_feed.h"
#include "tests/figures/laboratory.h"

namespace smartbatch::test {
namespace {

const std::vector<CostForm>& CostForms() {
  static const auto* const forms = new std::vector<CostForm>{
      {"seed", {0, 1e-6, 0, 0, 0, 1}},
      {"cpu", {0.01, 0, 0, 3e-4, 6.5e-8, 1}},
      {"gpumax", {0.005, 0, 0, 1.1e-6, 2.4e-10, CostModel::kLargestKnee}},
      {"gpusum", {0.005, 0, 0, 1.1e-6, 2.4e-10, 1}},
      {"cpulin", {0.01, 0, 0, 3e-4, 0, 1}},
      {"gpulin", {0.005, 0, 0, 1.1e-6, 0, 1}},
  };
  return *forms;
}

workload::Workload WorkloadOf(const CellTrace& trace) {
  workload::Workload workload = workload::MakeBuiltin(trace.workload, {});
  for (workload::CustomerModel& customer : workload.customers) {
    if (trace.of_one_sequence) customer.requests.sequences_minimum = customer.requests.sequences_maximum = 1;
  }
  return workload;
}

simulation::Trace DrawTrace(const CellTrace& of, std::uint64_t requests, std::uint64_t seed) {
  simulation::WorkloadFeed feed(WorkloadOf(of), workload::Seeds::All(seed), requests);
  simulation::RecordingFeed recording(feed);
  while (recording.NextTime() != kNever) recording.Take();
  simulation::Trace trace = recording.trace();
  for (std::uint32_t& length : trace.lengths) length = std::min(length, of.clip);
  return trace;
}

// The time that batches of n in the order of arrival need, for the best n.
double BestFifoSeconds(const simulation::Trace& trace, const CostModel& cost, std::uint32_t seats) {
  double best = HUGE_VAL;
  for (std::size_t size = 1; size <= seats; ++size) {
    double seconds = 0;
    for (std::size_t first = 0; first < trace.lengths.size(); first += size) {
      const std::size_t end = std::min(first + size, trace.lengths.size());
      const auto from = trace.lengths.begin();
      const std::uint32_t longest =
          *std::max_element(from + static_cast<std::ptrdiff_t>(first), from + static_cast<std::ptrdiff_t>(end));
      seconds += cost.Seconds(end - first, longest);
    }
    best = std::min(best, seconds);
  }
  return best;
}

void AddDeadlines(const CostModel& cost, std::uint32_t seats, std::uint64_t seed, simulation::Trace& trace) {
  double characters = 0;
  for (const std::uint32_t length : trace.lengths) characters += length;
  const auto mean = static_cast<std::size_t>(characters / static_cast<double>(trace.lengths.size()));
  const double batch = cost.Seconds(std::min(seats, 8U), mean);
  Random random = Random::Stream(seed, 0xDEAD);
  for (simulation::Trace::Record& record : trace.records) {
    const auto lengths = trace.LengthsOf(record);
    const double alone = cost.Seconds(lengths.size(), *std::max_element(lengths.begin(), lengths.end()));
    constexpr double kTimes[] = {2, 5, 20};
    record.deadline = Later(record.time, FromSeconds(kTimes[random.Between(0, 2)] * alone + batch));
  }
}

constexpr std::uint32_t kNoClip = 20'000;

template <class Named>
const Named& Find(const std::vector<Named>& all, const std::string& name) {
  for (const Named& each : all) {
    if (each.name == name) return each;
  }
  fmt::print(stderr, "figures: there is no '{}'\n", name);
  std::exit(1);
}

const CellTrace& TraceNamed(const std::string& name) {
  static const auto* const of_one_sequence = new CellTrace{"mixed, one sequence", "mixed", kNoClip, true};
  return name == of_one_sequence->name ? *of_one_sequence : Find(CellTraces(), name);
}

}  // namespace

const CostModel& CostOfForm(const std::string& name) { return Find(CostForms(), name).cost; }

const std::vector<CellTrace>& CellTraces() {
  static const auto* const traces = new std::vector<CellTrace>{
      {"mixed", "mixed", kNoClip},
      {"seedopen", "seedopen", kNoClip},
      {"elephants", "elephants", kNoClip},
      {"burstymixed", "burstymixed", kNoClip},
      {"azure2023 <= 2048", "azure2023", 2048},
      {"azure2023 <= 8192", "azure2023", 8192},
      {"azure2023-gamma <= 2048", "azure2023-gamma", 2048},
      {"azure2023-bursty <= 2048", "azure2023-bursty", 2048},
  };
  return *traces;
}

std::string Describe(const Cell& cell) {
  return fmt::format("{}, {}, B {}, load {}", cell.cost, cell.trace, cell.seats, cell.load);
}

void CellPlayer::Prepare(const Cell& cell, std::uint64_t seed) {
  if (cell == cell_ && seed == seed_) return;
  cell_ = cell;
  seed_ = seed;
  const CostModel& cost = CostOfForm(cell.cost);
  const CellTrace& named = TraceNamed(cell.trace);
  trace_ = DrawTrace(named, cell.requests, seed);
  is_poisson_ = IsPoisson(WorkloadOf(named));
  const double arrivals = ToSeconds(trace_.records.back().time.time_since_epoch());
  trace_ = Faster(std::move(trace_), arrivals * cell.load / BestFifoSeconds(trace_, cost, cell.seats));
  if (cell.has_deadlines) AddDeadlines(cost, cell.seats, seed, trace_);
}

simulation::Result CellPlayer::Play(const Cell& cell, const scheduling::StrategyChoice& strategy, std::uint64_t seed) {
  Prepare(cell, seed);
  simulation::SimulationOptions options;
  options.strategy = strategy;
  options.scheduler.max_batch_size = cell.seats;
  options.poisson_arrivals = is_poisson_;
  options.backends.front().true_cost = options.backends.front().believed_cost = CostOfForm(cell.cost);
  simulation::TraceFeed feed(trace_);
  return PlayOrDie(feed, options);
}

}  // namespace smartbatch::test
