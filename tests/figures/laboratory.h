// Simulations for the figures: each is played only once, however many figures read it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/cost_model.h"
#include "common/statistics.h"
#include "common/time.h"
#include "common/workload/workload.h"
#include "services/proxy/scheduling/strategies/strategy.h"
#include "services/proxy/simulation/result.h"
#include "services/proxy/simulation/simulation.h"
#include "tests/figures/cells.h"
#include "tests/figures/optimum_ratios.h"
#include "tests/figures/published_comparison.h"

namespace smartbatch::test {

struct Scale {
  std::uint64_t requests = 200'000;
  std::uint64_t seeds = 3;
  // Small problems for the comparison with the optimum, for each seed.
  int instances = 2000;
  // Requests in the flood by short ones, of which under 1 % are the victims'.
  std::uint64_t flood_requests = 2'000'000;
  // A comparison plays every cells_step-th of its cells.
  std::size_t cells_step = 1;
};

// A workload that is not built in: closed loops of requests that each fill a batch of 24 ms. Customer `one` has one
// call at a time and customer `hog` twelve, each sent half a millisecond after the answer to the last, as over a
// network.
inline constexpr const char* kOneBesideAHog = "one-beside-a-hog";

// One simulation: a built-in workload, or the one above, under a strategy.
struct Setting {
  std::string workload;
  double rho = 0.7;  // of each slot
  scheduling::StrategyChoice strategy;
  std::uint32_t slots = 1;
  // What batches take; the rate of the workload is scaled to it.
  CostModel cost = {};
  // What the scheduler is told and never corrects; nothing: it is told the truth, and learns.
  std::optional<CostModel> fixed_belief = {};
  // What the scheduler is told at first, and corrects by what it sees; nothing: the truth.
  std::optional<CostModel> first_belief = {};
  // The share of the requests, the first ones, that is left out.
  double warmup_share = 0.1;
  std::uint32_t max_batch_size = 5;
  // A request without a deadline is in time if it is answered within this.
  Duration latency_objective = Duration::max();
  // Sigma of the lognormal factor, of mean 1, on the time of every batch.
  double jitter = 0;
  // The share of the batches that fail.
  double error_rate = 0;
};

// The mean latency of the victims of a flood, and that of the same requests without the flood, in ms.
struct Harm {
  double mean_ms = 0;
  double alone_ms = 0;
  double ratio() const { return mean_ms / alone_ms; }
};

// What a customer gets beside another one whose cheap requests need more time than the backend has, in the second half
// of kRequests requests, which are two and a half minutes.
struct QuietBesideAFlood {
  static constexpr std::uint64_t kRequests = 400'000;
  double answered_share = 0;  // of its requests; it gives each up after 5 s
  double slowest_ms = 0;      // of its answers
};

// Plays settings and keeps every result for as long as the program runs. Not thread safe. A setting that cannot be
// played ends the program with a message, since the settings are written in the source.
class Laboratory {
 public:
  explicit Laboratory(const Scale& scale) : scale_(scale) {}

  const Scale& scale() const { return scale_; }
  const simulation::Result& Play(const Setting& setting, std::uint64_t seed);

  // RatiosToOptimum for scale().instances problems.
  const Sample& Ratios(const scheduling::StrategyChoice& strategy, Splitting splitting, int requests,
                       std::uint64_t seed);

  // The largest rho, to within 1 %, that the setting sustains, whatever rho it has itself: serving what is left when
  // the last request has come takes less than 1 % of the time of the arrivals. A backlog that does not grow is a few
  // seconds of work whatever the length of the run; a growing one is a share of it.
  double LargestSustainableRho(Setting setting, std::uint64_t seed);

  const Harm& HarmToVictims(const std::string& workload, double rho, const scheduling::StrategyChoice& strategy,
                            std::uint64_t requests, std::uint64_t seed);

  // One customer sends 2,600 requests of five sequences of 20 characters a second, of which the backend can serve
  // 2,500; the other one three of 200 characters a second.
  const QuietBesideAFlood& PlayQuietBesideAFlood(const scheduling::StrategyChoice& strategy, std::uint64_t seed);

  CellPlayer& cells() { return cells_; }
  // density and the published policies in every `step`-th cell.
  const std::vector<ComparedCell>& Comparison(std::size_t step, std::uint64_t seed);
  // The same if it has been asked for before; otherwise null.
  const std::vector<ComparedCell>* KnownComparison(std::size_t step, std::uint64_t seed) const;

 private:
  const Scale scale_;
  std::map<std::string, simulation::Result> results_;
  std::map<std::string, double> rhos_;
  std::map<std::string, Sample> ratios_;
  std::map<std::string, Harm> harms_;
  std::map<std::string, QuietBesideAFlood> quiet_;
  CellPlayer cells_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::vector<ComparedCell>> comparisons_;
};

// Whether every customer sends by Poisson's process, all the time.
bool IsPoisson(const workload::Workload& workload);

// Returns a result, or ends the program.
simulation::Result PlayOrDie(simulation::ArrivalFeed& feed, const simulation::SimulationOptions& options);

// The share of the answers that customer `one` got, and its mean latency in ms.
struct OneBesideAHog {
  double share = 0;
  double mean_ms = 0;
};
OneBesideAHog ReadOneBesideAHog(const simulation::Result& result);

// The largest 99th percentile of a customer with at least 1,000 requests, in ms.
double WorstCustomerP99(const simulation::Result& result);

}  // namespace smartbatch::test
