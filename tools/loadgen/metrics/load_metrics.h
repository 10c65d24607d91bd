// Shows Prometheus what the load generator does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/loadgen/engine/load_observer.h"

namespace smartbatch::loadgen {

// Serves /metrics for as long as it lives:
//   loadgen_requests_sent_total            counter: strategy
//   loadgen_requests_done_total            counter: strategy, customer, outcome (gRPC's code in lower case, or
//   not_sent,
//                                          unfinished)
//   loadgen_request_latency_seconds        histogram: strategy, customer; answered requests, from when they were due
//   loadgen_dispatch_delay_seconds         histogram; from when a request was due to when it left
//   loadgen_requests_in_flight             gauge
//   loadgen_block_info                     1 for the workload and strategy that are played, no series between blocks
//   loadgen_block_number, loadgen_blocks   gauges: which block of how many
// and the standard process_* ones. Warm-up counts like the rest. The first 100 customers have names, the others are
// `other`.
class LoadMetrics final : public LoadObserver {
 public:
  // `address` is host:port; port 0 asks the system for a free one. UNAVAILABLE if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<LoadMetrics>> Start(const std::string& address);
  ~LoadMetrics() override;

  // host:port with the port that was bound.
  const std::string& address() const;

  // Called before and after each block, with no request in flight. The customers are in the order of their numbers in
  // the records.
  void BeginBlock(const std::string& workload, const std::string& strategy, std::size_t number, std::size_t count,
                  const std::vector<std::string>& customers);
  void EndBlock();

  void Sent() override;
  void Ended(const RequestRecord& record) override;

 private:
  struct Series;
  explicit LoadMetrics(std::unique_ptr<Series> series);

  const std::unique_ptr<Series> series_;
};

}  // namespace smartbatch::loadgen
