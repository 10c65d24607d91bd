// What one model of the proxy tells Prometheus.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <prometheus/collectable.h>
#include <prometheus/registry.h>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/observers/metrics/observation_buffer.h"
#include "services/proxy/observers/metrics/series.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/scheduling/observer.h"

namespace smartbatch::metrics {

// The label of every customer that has no series of its own.
inline constexpr char kOtherCustomers[] = "other";
// The first kMaxBackends backends have series that stay. Later ones, with other addresses, are counted together.
inline constexpr std::size_t kMaxBackends = 100;
inline constexpr char kOtherBackends[] = "other";

// The times within which the requests of customers should be answered.
struct LatencyObjectives {
  // By configured customer.
  std::map<std::string, Duration> configured;
  Duration others = std::chrono::seconds(1);
};

struct MetricsOptions {
  std::uint32_t max_batch_size = 5;
  // The predicted cost of a batch; only ratios of costs are used here.
  CostModel cost;
  // The configured customers have series from the start.
  LatencyObjectives objectives;
  // How many other customers get series of their own, in the order in which they come.
  std::size_t max_other_customers = 100;
};

// An observer that counts what the scheduler does, and reads the scheduler's state when it is scraped.
//
// What it is told of requests, batches, strategies and decisions comes from one thread at a time (the dispatcher's lock
// sees to that), what it is told of the configuration from any; none of it waits for a scrape but the
// first request of a customer and the first use of a strategy, when series are made. Collect is thread safe.
class ProxyMetrics final : public prometheus::Collectable,
                           public scheduling::SchedulerObserver,
                           public runtime::DecisionObserver {
 public:
  // Returns the scheduler's state, with the named customers.
  using StateSource = std::function<runtime::State(const std::vector<std::string>& customers)>;

  explicit ProxyMetrics(const MetricsOptions& options);

  // Sets the source of the gauges; without it they are left out. Call it before the first scrape.
  void WatchState(StateSource source) { state_source_ = std::move(source); }
  // Sets the source of the number of lines that the decision log lost. Call it before the first scrape.
  void WatchDecisionLog(std::function<std::uint64_t()> dropped) { decision_log_dropped_ = std::move(dropped); }

  // The configuration was reloaded: what ends from now on is held against these. The bounds of the histograms stay, and
  // so do the series of customers that are not named any more. One call at a time.
  void SetObjectives(LatencyObjectives objectives);

  std::vector<prometheus::MetricFamily> Collect() const override;

  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;
  void Rejected(std::string_view customer, std::string_view strategy, scheduling::RejectReason reason) override;
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void Ended(const scheduling::Finished& finished) override;
  void Dispatched(const scheduling::Batch& batch) override;
  void Charged(const scheduling::Customer& customer, std::string_view strategy, double seconds) override;
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void BatchTooLarge(scheduling::BackendId id, std::uint32_t sequences, std::uint32_t limit) override;
  void StrategyChanged(std::string_view from, std::string_view to, scheduling::SwitchedBy by) override;
  void Decided(std::string_view strategy, Duration took) override;

 private:
  struct BackendSeries {
    std::string name;
    prometheus::Counter& busy;
    prometheus::Counter& dead;
    prometheus::Counter& too_large;
  };
  // The gauges of a current backend.
  struct BackendGauges {
    prometheus::Gauge& inflight_batches;
    prometheus::Gauge& up;
    prometheus::Gauge& size_limit;
    prometheus::Gauge& cost_fixed;
    prometheus::Gauge& cost_quadratic;
    prometheus::Gauge& cost_per_sequence;
    prometheus::Gauge& cost_per_character;
    prometheus::Gauge& cost_per_character_squared;
    prometheus::Gauge& cost_knee;
    prometheus::Gauge& cost_residual;
    prometheus::Gauge& cost_prediction_error;
    prometheus::Gauge& cost_batches;
  };

  CustomerSeries& Of(std::string_view customer);
  void TakeNewObjectives();
  Duration ObjectiveOf(const std::string& customer) const;
  // The index of the strategy in strategies_; a new strategy is added.
  std::size_t IndexOf(std::string_view strategy);
  CustomerStrategySeries& Of(std::string_view customer, std::string_view strategy);
  CustomerSeries& AddCustomer(const std::string& name);
  // Makes the series findable. Requires: the customer has no series yet.
  CustomerSeries& Enter(std::unique_ptr<CustomerSeries> entered);
  double PaddingShare(const scheduling::Batch& batch) const;

  void SetGauges() const;
  void SetQueueGauges(const runtime::State& state) const;
  void CountDeviceTime(const std::vector<runtime::DeviceState>& devices) const;
  void SetBackendGauges(const std::vector<runtime::BackendState>& backends) const;
  BackendGauges MakeBackendGauges(const std::string& name) const;
  void RemoveBackendGauges(const BackendGauges& gauges) const;

  const MetricsOptions options_;
  LatencyObjectives objectives_;
  prometheus::Registry registry_;
  mutable Families families_;
  mutable ObservationBuffer observations_;
  StateSource state_source_;
  std::function<std::uint64_t()> decision_log_dropped_;

  absl::flat_hash_map<std::string, std::unique_ptr<CustomerSeries>> customers_;
  CustomerSeries* others_ = nullptr;
  prometheus::Counter& overflowed_;
  std::vector<std::unique_ptr<StrategySeries>> strategies_;
  std::vector<std::unique_ptr<BackendSeries>> all_backends_;  // all backends so far, up to kMaxBackends and one
  std::vector<std::size_t> backends_;                         // by BackendId: the index in all_backends_
  // Used by the scrape, under the lock of observations_.
  mutable std::map<std::string, double> device_seconds_;  // that it found last
  mutable std::map<std::string, BackendGauges> backend_gauges_;

  // What SetObjectives has brought and TakeNewObjectives has not taken yet. The flag saves every request the lock.
  std::atomic<bool> has_new_objectives_ = false;
  Mutex new_objectives_mutex_;
  LatencyObjectives new_objectives_ SMARTBATCH_GUARDED_BY(new_objectives_mutex_);
  std::vector<std::unique_ptr<CustomerSeries>> new_series_ SMARTBATCH_GUARDED_BY(new_objectives_mutex_);

  // The names in customers_ and in strategies_, for the threads that scrape and reload.
  mutable Mutex names_mutex_;
  std::vector<std::string> names_ SMARTBATCH_GUARDED_BY(names_mutex_);
  std::vector<std::string> strategy_names_ SMARTBATCH_GUARDED_BY(names_mutex_);
};

}  // namespace smartbatch::metrics
