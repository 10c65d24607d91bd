// The figures that the documents promise, each with its bound.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "services/proxy/scheduling/strategies/strategy.h"
#include "services/proxy/simulation/result.h"
#include "tests/figures/laboratory.h"

namespace smartbatch::test {

// The strategies that most figures compare. This fcfs lingers, as the original did; the other one does not.
inline const scheduling::StrategyChoice kDensity{"density", {}};
inline const scheduling::StrategyChoice kWeightedFair{"weighted_fair", {}};
inline const scheduling::StrategyChoice kSjf{"sjf", {}};
inline const scheduling::StrategyChoice kFcfs{"fcfs", {}};
inline const scheduling::StrategyChoice kFcfsAtOnce{"fcfs", {{"linger_ms", "0"}}};
inline const scheduling::StrategyChoice kFair{"fair", {}};

// What they are compared by, in ms; NAN if too few requests have a percentile.
using Quantity = double (*)(const simulation::Result&);
inline double Mean(const simulation::Result& result) { return result.latency_ms.mean; }
inline double P99(const simulation::Result& result) { return result.latency_ms.p99.value_or(NAN); }

// Groups whose simulations tables of STRATEGIES.md read too.
inline constexpr char kOpenLoopsGroup[] = "Open loops";
inline constexpr char kFairnessGroup[] = "Fairness and its price";
inline constexpr char kPartsGroup[] =
    "What each part of density is worth: density without it, or changed, over density";

struct Figure {
  enum class Bound : std::uint8_t { kAtMost, kAtLeast };
  // Which of the seeds' values is reported and must keep the bound.
  enum class Over : std::uint8_t { kMean, kWorst };

  std::string group;
  std::string name;
  Bound bound_kind = Bound::kAtMost;
  double bound = 0;
  std::function<double(Laboratory&, std::uint64_t seed)> measure;
  // The requests, or problems, of one seed.
  std::uint64_t requests = 0;
  Over over = Over::kMean;
  // At most this many seeds, from 1 on.
  std::uint64_t seeds = 1'000'000;
  // Takes less than a few seconds, so that the documents can be checked against it.
  bool is_cheap = false;
  // Stands below the table; empty for none.
  std::string note = {};
};

struct Measurement {
  double value = 0;  // the mean, or the worst, of the seeds' values
  double least = 0;
  double most = 0;
  std::uint64_t seeds = 0;
  bool holds = false;
};

Measurement Measure(const Figure& figure, Laboratory& laboratory);
// How many seeds are played for the figure.
std::uint64_t SeedsOf(const Figure& figure, const Scale& scale);

// In the order in which they are printed. The seeds are 1 to scale.seeds.
std::vector<Figure> AllFigures(const Scale& scale);
// Those of AllFigures that are about real costs and deadlines.
std::vector<Figure> RealCostFigures(const Scale& scale);
// Those of AllFigures that are about what the rule for riders that cost leaves as it was, how much it can carry, and
// how far it is from what is possible.
std::vector<Figure> GeneralRuleFigures(const Scale& scale);
// Those of AllFigures that are about the parts of density, and about batches that scatter and fail.
std::vector<Figure> PartsFigures(const Scale& scale);
// Those of AllFigures that are about the texts of the contest.
std::vector<Figure> ContestFigures();

}  // namespace smartbatch::test
