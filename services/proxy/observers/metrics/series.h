// The series that the proxy exports: their names, their labels, and the references that the hot path uses.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "common/time.h"
#include "services/proxy/scheduling/model/outcome.h"

namespace smartbatch::metrics {

using CounterFamily = prometheus::Family<prometheus::Counter>;
using GaugeFamily = prometheus::Family<prometheus::Gauge>;
using HistogramFamily = prometheus::Family<prometheus::Histogram>;

// All families, registered. The registry must outlive them.
struct Families {
  // The objectives, in seconds, become bounds of the latency histograms, so that the histograms show how many requests
  // were within an objective.
  Families(prometheus::Registry& registry, const std::vector<double>& objectives);

  const prometheus::Histogram::BucketBoundaries latency_buckets;

  CounterFamily& requests_offered;
  CounterFamily& requests;
  CounterFamily& slo_requests;
  GaugeFamily& slo_objective;
  CounterFamily& rejected;
  CounterFamily& shed;
  CounterFamily& customers_overflowed;
  CounterFamily& decision_log_dropped;
  HistogramFamily& request_duration;
  CounterFamily& request_slowdown;
  HistogramFamily& queue_duration;
  GaugeFamily& queue_requests;
  GaugeFamily& queue_sequences;
  GaugeFamily& queue_oldest_age;
  GaugeFamily& queue_limit_requests;

  HistogramFamily& batch_sequences;
  HistogramFamily& batch_duration;
  HistogramFamily& batch_max_length;
  CounterFamily& batches;
  CounterFamily& batch_cost;
  CounterFamily& batch_padding_cost;
  CounterFamily& customer_charged;
  CounterFamily& customer_charged_over_weight;
  CounterFamily& customer_batches;
  CounterFamily& customer_batch_sequences;
  GaugeFamily& fairness_gap;

  CounterFamily& backend_busy;
  CounterFamily& backend_dead;
  CounterFamily& backend_failed_batches;
  GaugeFamily& backend_inflight_batches;
  GaugeFamily& backend_up;
  CounterFamily& backend_too_large;
  GaugeFamily& backend_size_limit;
  GaugeFamily& cost_model_fixed;
  GaugeFamily& cost_model_quadratic;
  GaugeFamily& cost_model_per_sequence;
  GaugeFamily& cost_model_per_character;
  GaugeFamily& cost_model_per_character_squared;
  GaugeFamily& cost_model_knee;
  GaugeFamily& cost_model_residual;
  GaugeFamily& cost_model_prediction_error;
  GaugeFamily& cost_model_batches;
  GaugeFamily& predicted_gain;
  CounterFamily& device_seconds;

  HistogramFamily& decision_duration;
  GaugeFamily& strategy_active;
  CounterFamily& strategy_switches;
};

// The series of one customer's requests under one strategy.
class CustomerStrategySeries {
 public:
  CustomerStrategySeries(Families& families, const std::string& customer, const std::string& strategy);

  prometheus::Counter& requests(absl::StatusCode code);
  // Counts requests that were answered within their customer's objective, or those that were not.
  prometheus::Counter& slo(bool met) { return met ? slo_met_ : slo_missed_; }
  prometheus::Histogram& request_duration() { return request_duration_; }
  prometheus::Histogram& queue_duration() { return queue_duration_; }
  prometheus::Counter& slowdown() { return slowdown_; }
  prometheus::Counter& charged() { return charged_; }
  prometheus::Counter& charged_over_weight() { return charged_over_weight_; }
  prometheus::Counter& batches() { return batches_; }
  prometheus::Counter& batch_sequences() { return batch_sequences_; }

 private:
  Families& families_;
  const std::string customer_;
  const std::string strategy_;
  prometheus::Histogram& request_duration_;
  prometheus::Histogram& queue_duration_;
  prometheus::Counter& slo_met_;
  prometheus::Counter& slo_missed_;
  prometheus::Counter& slowdown_;
  prometheus::Counter& charged_;
  prometheus::Counter& charged_over_weight_;
  prometheus::Counter& batches_;
  prometheus::Counter& batch_sequences_;
  std::array<prometheus::Counter*, 17> requests_{};  // by code; made on first use
};

// The series of one customer's requests, whatever the strategy.
class CustomerSeries {
 public:
  CustomerSeries(Families& families, std::string customer);

  const std::string& customer() const { return customer_; }
  // The time within which the customer's requests should be answered.
  Duration objective() const { return objective_; }
  void SetObjective(Duration objective);
  prometheus::Counter& offered() { return offered_; }
  prometheus::Counter& shed() { return shed_; }
  prometheus::Counter& rejected(scheduling::RejectReason reason) {
    return *rejected_[static_cast<std::size_t>(reason)];
  }
  // The series of a strategy, made on first use. `strategy` numbers the strategies that have been active so far.
  CustomerStrategySeries& with_strategy(std::size_t strategy, std::string_view name);

 private:
  Families& families_;
  const std::string customer_;
  Duration objective_{};
  prometheus::Gauge& slo_objective_;
  prometheus::Counter& offered_;
  prometheus::Counter& shed_;
  std::array<prometheus::Counter*, scheduling::kRejectReasons> rejected_{};
  std::vector<std::unique_ptr<CustomerStrategySeries>> by_strategy_;
};

// The series of batches under one strategy.
class StrategySeries {
 public:
  StrategySeries(Families& families, std::string_view strategy, std::uint32_t max_batch_size);

  std::string_view strategy() const { return strategy_; }
  prometheus::Gauge& active() { return active_; }
  prometheus::Histogram& decision_duration() { return decision_duration_; }
  prometheus::Histogram& batch_sequences() { return batch_sequences_; }
  prometheus::Histogram& batch_max_length() { return batch_max_length_; }
  prometheus::Counter& batches(scheduling::DispatchReason reason) {
    return *batches_[static_cast<std::size_t>(reason)];
  }
  prometheus::Counter& batch_cost() { return batch_cost_; }
  prometheus::Counter& batch_padding_cost() { return batch_padding_cost_; }
  // The histogram of a backend, made on first use. `backend` numbers all backends so far.
  prometheus::Histogram& batch_duration(std::size_t backend, const std::string& name);

 private:
  Families& families_;
  const std::string strategy_;
  prometheus::Gauge& active_;
  prometheus::Histogram& decision_duration_;
  prometheus::Histogram& batch_sequences_;
  prometheus::Histogram& batch_max_length_;
  prometheus::Counter& batch_cost_;
  prometheus::Counter& batch_padding_cost_;
  std::array<prometheus::Counter*, scheduling::kDispatchReasons> batches_{};
  std::vector<prometheus::Histogram*> batch_duration_;
};

}  // namespace smartbatch::metrics
