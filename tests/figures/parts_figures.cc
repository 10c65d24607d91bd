// What density is without a part of its rule, and when batches take other times than predicted, or fail.
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tests/figures/figure_table.h"

namespace smartbatch::test {
namespace {

using Bound = Figure::Bound;

constexpr char kDisturbedGroup[] = "Batches that scatter or fail: density over density undisturbed";

double P999(const simulation::Result& result) { return result.latency_ms.p999.value_or(NAN); }

Setting Density(const std::string& workload) { return {workload, 0.7, {"density", {}}}; }

Setting Changed(const std::string& workload, const char* parameter, const char* value) {
  return {workload, 0.7, {"density", {{parameter, value}}}};
}

}  // namespace

std::vector<Figure> PartsFigures(const Scale& scale) {
  std::vector<Figure> figures;
  const auto add = [&](const char* group, std::string name, Quantity quantity, const Setting& changed, Bound kind,
                       double bound) {
    Figure& figure = figures.emplace_back();
    figure.group = group;
    figure.name = std::move(name);
    figure.bound_kind = kind;
    figure.bound = bound;
    figure.requests = scale.requests;
    figure.measure = [=](Laboratory& laboratory, std::uint64_t seed) {
      return quantity(laboratory.Play(changed, seed)) / quantity(laboratory.Play(Density(changed.workload), seed));
    };
  };
  for (const auto& [workload, at_least] : {std::pair("seedopen", 1.5), {"mixed", 1.2}}) {
    add(kPartsGroup, fmt::format("{} 0.7: mean, split=false", workload), Mean, Changed(workload, "split", "false"),
        Bound::kAtLeast, at_least);
  }
  for (const char* const workload : {"seedopen", "mixed"}) {
    add(kPartsGroup, fmt::format("{} 0.7: mean, hold=0", workload), Mean, Changed(workload, "hold", "0"),
        Bound::kAtMost, 1.03);
    add(kPartsGroup, fmt::format("{} 0.7: mean, lane_share=0", workload), Mean, Changed(workload, "lane_share", "0"),
        Bound::kAtMost, 1.03);
  }
  const Setting for_the_tail = Changed("mixed", "age_exponent", "1");
  add(kPartsGroup, "mixed 0.7: mean, age_exponent=1", Mean, for_the_tail, Bound::kAtMost, 1.1);
  add(kPartsGroup, "mixed 0.7: p99, age_exponent=1", P99, for_the_tail, Bound::kAtMost, 1.05);
  add(kPartsGroup, "mixed 0.7: p99.9, age_exponent=1", P999, for_the_tail, Bound::kAtMost, 1);

  for (const char* const workload : {"seedopen", "mixed"}) {
    Setting scattering = Density(workload);
    scattering.jitter = 0.5;
    const std::string name = fmt::format("{} 0.7, times of sigma 0.5", workload);
    add(kDisturbedGroup, name + ": mean", Mean, scattering, Bound::kAtMost, 1.4);
    add(kDisturbedGroup, name + ": p99", P99, scattering, Bound::kAtMost, 1.8);
  }
  Setting failing = Density("seedopen");
  failing.error_rate = 0.01;
  add(kDisturbedGroup, "seedopen 0.7, 1 % of the batches fail: mean", Mean, failing, Bound::kAtMost, 1.15);
  add(kDisturbedGroup, "seedopen 0.7, 1 % of the batches fail: p99", P99, failing, Bound::kAtMost, 1.5);
  return figures;
}

}  // namespace smartbatch::test
