// Simulations of one trace under one strategy, over cost forms, batch sizes, traces and loads.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/cost_model.h"
#include "services/proxy/scheduling/strategies/strategy.h"
#include "services/proxy/simulation/result.h"
#include "services/proxy/simulation/trace.h"

namespace smartbatch::test {

struct CostForm {
  std::string name;
  CostModel cost;
};
// `seed`: riders are free. `cpu`: every rider costs as much as the longest. `gpumax` and `gpusum`: a large part is paid
// once, and the rest either hides behind it up to a sharp knee (`gpumax`) or adds to it (`gpusum`). `cpulin` and
// `gpulin`: without the squared term.
const CostModel& CostOfForm(const std::string& name);

// A workload of the simulator, no sequence longer than `clip`.
struct CellTrace {
  std::string name;  // as it is shown: "azure2023 <= 2048"
  std::string workload;
  std::uint32_t clip = 0;
  // Every request has one sequence.
  bool of_one_sequence = false;
};
// The traces of the comparison with published policies. A cell may also have "mixed, one sequence".
const std::vector<CellTrace>& CellTraces();

struct Cell {
  std::string cost;
  std::uint32_t seats = 16;
  std::string trace;
  // At 1 the arrivals take exactly as long as first come, first served would need to serve them, with the batch size
  // that is best in hindsight.
  double load = 0.8;
  std::uint64_t requests = 8000;
  // Each request is due after 2, 5 or 20 times the time that it takes alone plus the time of a batch of 8 of mean
  // length.
  bool has_deadlines = false;
  friend auto operator<=>(const Cell&, const Cell&) = default;
};
std::string Describe(const Cell& cell);

// Plays cells. Keeps the last trace, so play the same cell under all strategies in turn. Not thread safe.
class CellPlayer {
 public:
  // One slot; costs are known and learned on. The first tenth is left out.
  simulation::Result Play(const Cell& cell, const scheduling::StrategyChoice& strategy, std::uint64_t seed);

 private:
  void Prepare(const Cell& cell, std::uint64_t seed);

  Cell cell_;
  std::uint64_t seed_ = 0;
  simulation::Trace trace_;
  bool is_poisson_ = false;
};

}  // namespace smartbatch::test
