// Gathers the figures of a run.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/cost_model.h"
#include "common/statistics.h"
#include "common/time.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/simulation/arrival_feed.h"
#include "services/proxy/simulation/result.h"
#include "services/proxy/simulation/simulated_backend.h"

namespace smartbatch::simulation {

// Collects the figures of a run, beginning with the request number `warmup`. Not thread safe.
class Collector {
 public:
  Collector(const ArrivalFeed& feed, std::uint64_t warmup, const scheduling::Scheduler& scheduler,
            const CostModel& cost);

  // Request `number` is offered.
  void Offered(std::uint64_t number, std::span<const std::uint32_t> lengths, Time now);
  // A request of a customer ended.
  void Ended(std::uint64_t number, std::uint32_t customer, const scheduling::Finished& finished);
  void Dispatched(const scheduling::Batch& batch);
  // A batch held its slot for that time.
  void Ran(Time from, Time to);

  // `slots` in all.
  Result Finish(const ArrivalFeed& feed, std::uint32_t slots, bool poisson_arrivals) const;

 private:
  std::vector<double> ChargedSeconds(const ArrivalFeed& feed) const;
  FairnessFigures Fairness(const std::vector<CustomerResult>& customers) const;

  const std::uint64_t warmup_;
  const scheduling::Scheduler& scheduler_;
  const ArrivalFeed& feed_;
  const CostModel cost_;

  std::vector<Sample> latencies_ms_;      // of each customer
  std::vector<double> slowdowns_;         // of each customer, added up
  std::vector<double> alone_seconds_;     // of each offered request: the time it takes in a batch of its own
  std::vector<double> charged_at_start_;  // to each customer
  bool measuring_ = false;
  Time start_{};
  Time last_arrival_{};
  Time last_end_{};
  std::uint64_t offered_ = 0;
  std::uint64_t on_time_ = 0;
  double sum_seconds_ = 0;        // c(1, L) over the offered requests
  double sum_least_squares_ = 0;  // LeastPartOfSquare over their sequences
  std::uint64_t batches_ = 0;
  std::uint64_t batch_sequences_ = 0;
  double batch_seconds_ = 0;  // cost of the batches by the model
  double longest_batch_seconds_ = 0;
  double used_seconds_ = 0;  // the least time that their members can cost
  Duration busy_{};
  double fairness_gap_seconds_ = 0;
};

}  // namespace smartbatch::simulation
