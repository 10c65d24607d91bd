// One block: a workload played against the server once, from the first arrival to the last answer.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>

#include "common/time.h"
#include "tools/loadgen/engine/arrival_plan.h"
#include "tools/loadgen/engine/client.h"
#include "tools/loadgen/engine/run_recorder.h"

namespace smartbatch::loadgen {

struct BlockOptions {
  // How long arrivals go on.
  Duration length = std::chrono::seconds(30);
  // A request that is due while this many are in flight is not sent; it is recorded as not sent.
  std::uint32_t max_in_flight = 20'000;
  // How long to wait for the last answers before their calls are cancelled and recorded as unfinished: longer than the
  // calls' deadline, so that each call ends by itself. After a stop `interrupted_drain` applies instead.
  Duration drain = std::chrono::seconds(32);
  Duration interrupted_drain = std::chrono::seconds(2);
  // Told of every request that is due: its customer, its moment since the start of the block, its sequences' lengths.
  // Called on one thread, and it must be quick; may be empty.
  std::function<void(std::uint32_t customer, Duration scheduled, std::span<const std::uint32_t> lengths)> on_due;
};

// Plays the plan until its end or a stop, and waits for the answers. Every request that was due is in the
// recorder when it returns, exactly once, with its times since the start of the block.
void PlayBlock(const BlockOptions& options, ArrivalPlan& plan, Client& client, RunRecorder& recorder,
               const std::stop_token& stop);

}  // namespace smartbatch::loadgen
