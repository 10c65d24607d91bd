// Serves a number of batches from a standing queue in one function, whose instructions valgrind counts.
//
//   scheduling-instructions density gpu 16 1000 2000     strategy, cost profile, batch size, queued requests, batches
//
// Prints how many requests it served meanwhile. The same arguments make the same batches.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include <absl/status/statusor.h>

#include "common/cost_model.h"
#include "tests/benchmarks/standing_queue.h"

using smartbatch::scheduling::StandingQueue;

// By this name scheduling_instructions.py has it counted.
extern "C" __attribute__((noinline)) bool ServeCountedBatches(StandingQueue& queue, std::uint64_t batches) {
  for (std::uint64_t i = 0; i < batches; ++i) {
    if (!queue.ServeBatch()) return false;
  }
  return true;
}

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  if (argc != 6) {
    std::fprintf(stderr, "usage: %s STRATEGY COST_PROFILE BATCH_SIZE QUEUED BATCHES\n", arguments[0]);
    return 2;
  }
  const absl::StatusOr<smartbatch::CostModel> cost = smartbatch::FindCostProfile(arguments[2]);
  if (!cost.ok() || smartbatch::scheduling::FindStrategy(arguments[1]) == nullptr) {
    std::fprintf(stderr, "%s or %s is not known; see loadgen simulate --help\n", arguments[1], arguments[2]);
    return 2;
  }
  const auto number = [&](std::size_t i) { return std::strtoull(arguments[i], nullptr, 10); };
  StandingQueue queue({.strategy = arguments[1],
                       .cost = *cost,
                       .max_batch_size = static_cast<std::uint32_t>(number(3)),
                       .queued = number(4)});
  if (!queue.TurnOver() || !ServeCountedBatches(queue, number(5))) {
    std::fputs("the strategy left the slot idle\n", stderr);
    return 1;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(queue.served()));
  return 0;
}
