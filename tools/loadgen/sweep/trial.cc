#include "tools/loadgen/sweep/trial.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "services/proxy/simulation/workload_feed.h"
#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::uint64_t kMostRequests = 100'000'000;

// The requests of another feed that come before `end`.
class FeedUntil final : public simulation::ArrivalFeed {
 public:
  FeedUntil(simulation::ArrivalFeed& source, Time end) : source_(source), end_(end) {}

  const std::vector<std::string>& customers() const override { return source_.customers(); }
  std::uint64_t requests() const override { return source_.requests(); }
  Time NextTime() const override { return source_.NextTime() < end_ ? source_.NextTime() : kNever; }
  simulation::FedRequest Take() override { return source_.Take(); }
  void Ended(std::uint32_t customer, Time now) override { source_.Ended(customer, now); }

 private:
  simulation::ArrivalFeed& source_;
  const Time end_;
};

// The slice that the objective is about; null if there is none.
const Slice* FindSlice(const Breakdown& breakdown, const std::string& customer) {
  if (customer.empty()) return &breakdown.all;
  for (const std::vector<Slice>* const slices : {&breakdown.customers, &breakdown.groups}) {
    const auto found =
        std::find_if(slices->begin(), slices->end(), [&](const Slice& slice) { return slice.name == customer; });
    if (found != slices->end()) return &*found;
  }
  return nullptr;
}

int CodeOf(const scheduling::Finished& finished) {
  return finished.outcome == scheduling::Outcome::kAnswered ? kStatusOk : kStatusUnfinished;
}

}  // namespace

absl::StatusOr<Trial> Judge(const Block& block, const Objective& objective, double requests_per_second,
                            double max_dispatch_delay_ms) {
  ResultSet results;
  results.provenance.max_dispatch_delay_ms = max_dispatch_delay_ms;
  results.blocks.push_back(block);
  const Analysis analysis = Analyze(results);
  const Breakdown& breakdown = analysis.workloads.front().strategies.front().requests;
  const Slice* const slice = FindSlice(breakdown, objective.customer);
  if (slice == nullptr || slice->due == 0) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' at {:.3g} requests/s: no such request was due; raise --seconds, "
                    "or name a customer of the workload",
                    objective.text, requests_per_second));
  }
  Trial trial;
  trial.requests_per_second = requests_per_second;
  if (!analysis.valid()) trial.defect = analysis.defects.front();
  trial.measured = FigureOf(objective, *slice);
  const bool about_failures = objective.figure == Objective::Figure::kFailed;
  const double failed_share = static_cast<double>(slice->failed()) / static_cast<double>(slice->due);
  if (!about_failures && failed_share > kMostFailed) return trial;
  if (!trial.measured) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' at {:.3g} requests/s: {} answers are too few to tell; raise --seconds", objective.text,
                    requests_per_second, slice->answered));
  }
  trial.met = *trial.measured < objective.limit;
  return trial;
}

absl::StatusOr<Block> SimulateBlock(const workload::Workload& workload, const workload::Seeds& seeds,
                                    const BlockTimes& times, const simulation::SimulationOptions& options) {
  simulation::WorkloadFeed all(workload, seeds, kMostRequests);
  FeedUntil feed(all, Time(times.warm_up + times.measured));
  Block block;
  block.workload = workload.name;
  block.strategy = {options.strategy.name, options.strategy.parameters};
  block.seed = seeds.arrivals;
  block.warm_up = times.warm_up;
  block.measured = times.measured;
  block.customers = feed.customers();
  simulation::SimulationOptions with_records = options;
  with_records.warmup_share = 0;
  with_records.on_ended = [&](std::uint32_t customer, const scheduling::Finished& finished) {
    RequestRecord record;
    record.customer = customer;
    record.scheduled = record.sent = finished.arrival.time_since_epoch();
    record.done = finished.finish.time_since_epoch();
    record.status_code = CodeOf(finished);
    block.records.push_back(std::move(record));
  };
  const absl::StatusOr<simulation::Result> result = simulation::Simulate(feed, with_records);
  if (!result.ok()) return result.status();
  return block;
}

}  // namespace smartbatch::loadgen
