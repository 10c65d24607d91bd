// What is promised if riders cost something, and of the share of requests in time.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "tests/figures/figure_table.h"
#include "tests/figures/published_comparison.h"

namespace smartbatch::test {
namespace {

using Bound = Figure::Bound;
using scheduling::StrategyChoice;

constexpr char kCostGroup[] = "Riders that cost something: density over turbo, the best of the published policies";
constexpr char kCellsGroup[] =
    "density over the best of triton, tei, turbo and multibin in each cell of cost, batch size, trace and load";
constexpr char kDeadlineGroup[] = "Requests in time, % (mean over eight traces and batches of 5, 16, 32 and 64)";

struct RealCostCell {
  Cell cell;
  double mean_at_most = 0;
  double p99_at_most = 0;
  double p99_for_the_tail_at_most = 0;  // with age_exponent 1
};

void AddRealCosts(std::vector<Figure>& figures) {
  const RealCostCell cells[] = {
      {{"cpulin", 16, "mixed, one sequence", 0.8, 8000}, 0.85, 0.955, 0.92},
      {{"cpulin", 64, "mixed, one sequence", 0.8, 8000}, 0.85, 0.955, 0.92},
      {{"cpulin", 16, "mixed", 0.8, 8000}, 0.85, 1.1, 0.98},
      {{"cpulin", 64, "mixed", 0.8, 8000}, 0.85, 1.1, 0.98},
      {{"gpulin", 16, "azure2023 <= 2048", 0.8, 8000}, 0.95, 1.02, 1.0},
      {{"gpulin", 64, "azure2023 <= 2048", 0.8, 8000}, 0.95, 1.04, 1.02},
      {{"gpulin", 16, "azure2023-bursty <= 2048", 0.8, 8000}, 0.95, 1.03, 1.0},
      {{"gpulin", 64, "azure2023-bursty <= 2048", 0.8, 8000}, 0.95, 1.04, 1.02},
      {{"seed", 5, "azure2023 <= 2048", 0.8, 8000}, 0.82, 1.1, 1.05},
      {{"seed", 5, "azure2023-bursty <= 2048", 0.8, 8000}, 0.82, 1.0, 0.95},
      {{"cpu", 16, "azure2023 <= 2048", 0.8, 12'000}, 0.865, 1.06, 0.98},
      {{"cpu", 64, "azure2023 <= 8192", 0.95, 12'000}, 0.5, 1.25, 1.1},
      {{"gpumax", 16, "azure2023 <= 2048", 0.95, 12'000}, 0.935, 1.0, 0.98},
      {{"gpumax", 64, "azure2023 <= 8192", 0.95, 12'000}, 0.94, 1.05, 0.98},
      {{"gpusum", 64, "azure2023 <= 2048", 0.95, 12'000}, 0.94, 0.995, 0.995},
  };
  const StrategyChoice density{"density", {}};
  const StrategyChoice for_the_tail{"density", {{"age_exponent", "1"}}};
  for (const RealCostCell& each : cells) {
    const auto add = [&](const char* name, const StrategyChoice& strategy, Latency latency, double at_most) {
      Figure& figure = figures.emplace_back();
      figure.group = kCostGroup;
      figure.name = fmt::format("{}: {} / turbo", Describe(each.cell), name);
      figure.bound = at_most;
      figure.requests = each.cell.requests;
      figure.is_cheap = true;
      figure.measure = [cell = each.cell, strategy, latency](Laboratory& laboratory, std::uint64_t seed) {
        const auto play = [&](const StrategyChoice& played) {
          const simulation::LatencyFigures found = laboratory.cells().Play(cell, played, seed).latency_ms;
          return latency == Latency::kMean ? found.mean : found.p99.value_or(NAN);
        };
        return play(strategy) / play({"turbo", {}});
      };
    };
    add("mean, density", density, Latency::kMean, each.mean_at_most);
    add("p99, density", density, Latency::kP99, each.p99_at_most);
    add("p99, density with age_exponent 1", for_the_tail, Latency::kP99, each.p99_for_the_tail_at_most);
  }
}

void AddComparison(std::vector<Figure>& figures, const Scale& scale) {
  const auto add = [&](const std::string& name, std::size_t column, Latency latency, double at_most, auto statistic) {
    Figure& figure = figures.emplace_back();
    figure.group = kCellsGroup;
    figure.name = name;
    figure.bound = at_most;
    figure.requests = 8000;
    figure.seeds = 1;
    figure.measure = [=, step = scale.cells_step](Laboratory& laboratory, std::uint64_t seed) -> double {
      return statistic(AgainstBest(laboratory.Comparison(step, seed), column, latency));
    };
  };
  const auto mean_of = [](const Summary& summary) { return summary.geometric_mean; };
  const auto lost_of = [](const Summary& summary) {
    return 100 * static_cast<double>(summary.lost) / static_cast<double>(summary.cells);
  };
  const auto worst_of = [](const Summary& summary) { return summary.worst; };
  add("mean: geometric mean", 0, Latency::kMean, 0.85, mean_of);
  // 20 of 512.
  add("mean: cells more than 2 % behind, %", 0, Latency::kMean, 3.9, lost_of);
  add("mean: worst cell", 0, Latency::kMean, 1.1, worst_of);
  add("p99: geometric mean", 0, Latency::kP99, 1.05, mean_of);
  add("p99, age_exponent 1: geometric mean", 1, Latency::kP99, 1.0, mean_of);
  add("mean, age_exponent 1: geometric mean", 1, Latency::kMean, 0.9, mean_of);
}

// The mean share of the requests in time over the cells, in percent, under the best strategy of each cell.
double ShareInTime(Laboratory& laboratory, const std::string& cost, double load,
                   const std::vector<std::string>& strategies, std::size_t step, std::uint64_t seed) {
  double sum = 0;
  double cells = 0;
  std::size_t number = 0;
  for (const CellTrace& trace : CellTraces()) {
    for (const std::uint32_t seats : {5U, 16U, 32U, 64U}) {
      if (number++ % step != 0) continue;
      const Cell cell{cost, seats, trace.name, load, 8000, /*has_deadlines=*/true};
      double best = 0;
      for (const std::string& strategy : strategies) {
        best = std::max(best, laboratory.cells().Play(cell, {strategy, {}}, seed).on_time_share);
      }
      sum += best;
      ++cells;
    }
  }
  return 100 * sum / cells;
}

void AddDeadlines(std::vector<Figure>& figures, const Scale& scale) {
  struct Promise {
    const char* cost;
    std::pair<double, double> loads[4];  // and the least share in time
  };
  const Promise promises[] = {
      {"cpu", {{0.7, 94}, {0.95, 92}, {1.2, 88}, {1.5, 82}}},
      {"gpumax", {{0.7, 97}, {0.95, 95}, {1.2, 91}, {1.5, 86}}},
      {"gpusum", {{0.7, 95}, {0.95, 93}, {1.2, 89}, {1.5, 84}}},
  };
  const auto add = [&](std::string name, double at_least, auto measure) {
    Figure& figure = figures.emplace_back();
    figure.group = kDeadlineGroup;
    figure.name = std::move(name);
    figure.bound_kind = Bound::kAtLeast;
    figure.bound = at_least;
    figure.requests = 8000;
    figure.seeds = 1;
    figure.measure = measure;
  };
  const std::size_t step = std::min<std::size_t>(scale.cells_step, 11);
  for (const Promise& promise : promises) {
    for (const auto& [load, at_least] : promise.loads) {
      const std::string where = fmt::format("{}, load {}", promise.cost, load);
      const auto share = [cost = promise.cost, load = load, step](Laboratory& laboratory, std::uint64_t seed,
                                                                  const std::vector<std::string>& strategies) {
        return ShareInTime(laboratory, cost, load, strategies, step, seed);
      };
      add(where + ": deadline", at_least,
          [=](Laboratory& laboratory, std::uint64_t seed) { return share(laboratory, seed, {"deadline"}); });
      const auto add_less = [&](const char* name, const std::vector<std::string>& others) {
        add(fmt::format("{}: deadline less {}", where, name), 0, [=](Laboratory& laboratory, std::uint64_t seed) {
          return share(laboratory, seed, {"deadline"}) - share(laboratory, seed, others);
        });
      };
      add_less("clockwork", {"clockwork"});
      add_less("turbo", {"turbo"});
      add_less("the best published of each cell", {"clockwork", "turbo", "triton", "tei", "multibin"});
      add_less("density", {"density"});
    }
  }
}

}  // namespace

std::vector<Figure> RealCostFigures(const Scale& scale) {
  std::vector<Figure> figures;
  AddRealCosts(figures);
  AddComparison(figures, scale);
  AddDeadlines(figures, scale);
  return figures;
}

}  // namespace smartbatch::test
