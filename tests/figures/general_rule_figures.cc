// What the rule for riders that cost something leaves as it was if they are free, how much it can carry, and how far
// it is from what is possible.
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/figures/figure_table.h"

namespace smartbatch::test {
namespace {

constexpr char kSeedGroup[] = "Free riders: density over what it was when it knew no other";
constexpr char kLoadGroup[] = "Near saturation: the largest sustainable rho, turbo / density";
constexpr char kBoundGroup[] = "Riders that cost something: the mean of density over a lower bound for every policy";

Figure& Add(std::vector<Figure>& figures, const char* group, std::string name, double at_most, auto measure) {
  Figure& figure = figures.emplace_back();
  figure.group = group;
  figure.name = std::move(name);
  figure.bound = at_most;
  figure.measure = measure;
  return figure;
}

// Means over the seeds 1 to 3 of 200,000 requests, measured with the last version that took every rider for free.
struct Before {
  const char* workload;
  double rho;
  std::uint32_t seats;
  double mean_ms;
  double p99_ms;
};
constexpr Before kBefore[] = {
    {"seedopen", 0.5, 5, 164.59, 617.0}, {"seedopen", 0.7, 5, 187.36, 631.8},  {"mixed", 0.5, 5, 476.29, 3762.0},
    {"mixed", 0.7, 5, 611.33, 3980.0},   {"seedopen", 0.5, 16, 219.24, 621.5}, {"seedopen", 0.7, 16, 224.27, 624.4},
    {"mixed", 0.5, 16, 895.81, 4663.3},  {"mixed", 0.7, 16, 921.69, 5231.2},
};

void AddFreeRiders(std::vector<Figure>& figures, const Scale& scale) {
  for (const Before& before : kBefore) {
    Setting setting{before.workload, before.rho, {"density", {}}};
    setting.max_batch_size = before.seats;
    const std::string where = fmt::format("{} {}, B {}", before.workload, before.rho, before.seats);
    Add(figures, kSeedGroup, where + ": mean", 1.02, [=](Laboratory& laboratory, std::uint64_t seed) {
      return laboratory.Play(setting, seed).latency_ms.mean / before.mean_ms;
    }).requests = scale.requests;
    Add(figures, kSeedGroup, where + ": p99", 1.02, [=](Laboratory& laboratory, std::uint64_t seed) {
      return laboratory.Play(setting, seed).latency_ms.p99.value_or(NAN) / before.p99_ms;
    }).requests = scale.requests;
  }
}

void AddLargestLoads(std::vector<Figure>& figures, const Scale& scale) {
  struct Place {
    const char* cost;
    const char* workload;
    std::uint32_t seats;
    double at_most;
  };
  const Place places[] = {{"seed", "mixed", 5, 1.15},        {"cpu", "mixed", 16, 1.1},
                          {"cpu", "azure2023", 16, 1.05},    {"gpumax", "azure2023", 16, 1.1},
                          {"gpusum", "azure2023", 16, 1.15}, {"gpusum", "azure2023", 64, 1.2}};
  for (const Place& place : places) {
    Setting density{place.workload, 0, {"density", {}}};
    density.cost = CostOfForm(place.cost);
    density.max_batch_size = place.seats;
    Setting turbo = density;
    turbo.strategy = {"turbo", {}};
    Figure& figure =
        Add(figures, kLoadGroup, fmt::format("{}, {}, B {}", place.cost, place.workload, place.seats), place.at_most,
            [=](Laboratory& laboratory, std::uint64_t seed) {
              return laboratory.LargestSustainableRho(turbo, seed) / laboratory.LargestSustainableRho(density, seed);
            });
    figure.requests = scale.requests;
    figure.seeds = 1;
  }
}

void AddBounds(std::vector<Figure>& figures) {
  const std::pair<Cell, double> cells[] = {
      {{"cpu", 16, "azure2023 <= 2048", 0.8, 12'000}, 1.95},
      {{"gpumax", 16, "azure2023 <= 2048", 0.95, 12'000}, 1.75},
      {{"gpumax", 64, "azure2023 <= 8192", 0.95, 12'000}, 1.5},
      {{"gpusum", 64, "azure2023 <= 2048", 0.95, 12'000}, 2.45},
  };
  for (const auto& [cell, at_most] : cells) {
    Figure& figure =
        Add(figures, kBoundGroup, Describe(cell), at_most, [cell = cell](Laboratory& laboratory, std::uint64_t seed) {
          const simulation::Result result = laboratory.cells().Play(cell, {"density", {}}, seed);
          return result.latency_ms.mean / result.lower_bound_ms.value_or(NAN);
        });
    figure.requests = cell.requests;
    figure.is_cheap = true;
  }
}

}  // namespace

std::vector<Figure> GeneralRuleFigures(const Scale& scale) {
  std::vector<Figure> figures;
  AddFreeRiders(figures, scale);
  AddLargestLoads(figures, scale);
  AddBounds(figures);
  return figures;
}

}  // namespace smartbatch::test
