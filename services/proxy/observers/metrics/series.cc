#include "services/proxy/observers/metrics/series.h"

#include <algorithm>

namespace smartbatch::metrics {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;
using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

Buckets LatencyBuckets(const std::vector<double>& objectives) {
  Buckets buckets = {0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025,
                     0.035,  0.05,    0.075, 0.1,    0.15,  0.2,   0.3,   0.4,   0.5,   0.6,   0.8,   1.2,
                     1.6,    2.5,     3.5,   5,      7.5,   10,    15,    20,    30,    60};
  buckets.insert(buckets.end(), objectives.begin(), objectives.end());
  std::sort(buckets.begin(), buckets.end());
  buckets.erase(std::unique(buckets.begin(), buckets.end()), buckets.end());
  return buckets;
}

const Buckets& DecisionBuckets() {
  static const Buckets buckets = {1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2};
  return buckets;
}

// One bucket for each size while sizes are few, then powers of two.
Buckets SequenceBuckets(std::uint32_t max_batch_size) {
  constexpr std::uint32_t kFew = 16;
  Buckets buckets;
  for (std::uint32_t size = 1; size <= std::min(max_batch_size, kFew); ++size) buckets.push_back(size);
  for (std::uint32_t size = 2 * kFew; buckets.back() < max_batch_size; size *= 2) buckets.push_back(size);
  return buckets;
}

Buckets LengthBuckets() {
  Buckets buckets;
  for (std::uint32_t length = 8; length <= (1U << 18); length *= 2) buckets.push_back(length);
  return buckets;
}

CounterFamily& Counters(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

GaugeFamily& Gauges(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildGauge().Name(name).Help(help).Register(registry);
}

HistogramFamily& Histograms(prometheus::Registry& registry, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(registry);
}

std::string NameOf(absl::StatusCode code) { return absl::StatusCodeToString(code); }

}  // namespace

Families::Families(prometheus::Registry& registry, const std::vector<double>& objectives)
    : latency_buckets(LatencyBuckets(objectives)),
      requests_offered(Counters(registry, "smartbatch_requests_offered_total",
                                "Well-formed requests that were offered to the scheduler.")),
      requests(Counters(registry, "smartbatch_requests_total",
                        "Requests that ended, by the strategy that dispatched them (or the active one if none did) and "
                        "the name of the gRPC status code.")),
      slo_requests(Counters(registry, "smartbatch_slo_requests_total",
                            "Requests that were answered within their customer's latency objective (met), and requests "
                            "that were answered later or ended otherwise (missed). A request that its caller gave up "
                            "within the objective is neither.")),
      slo_objective(Gauges(registry, "smartbatch_slo_objective_seconds",
                           "The time within which the customer's requests should be answered.")),
      rejected(Counters(registry, "smartbatch_rejected_total", "Requests that were refused on arrival, by reason.")),
      shed(Counters(registry, "smartbatch_shed_total",
                    "Requests that were ended while they waited, to make room for a customer that had less in the full "
                    "queue.")),
      customers_overflowed(Counters(registry, "smartbatch_customers_overflowed_total",
                                    "Requests of customers that have no series of their own and are counted as the "
                                    "customer other.")),
      decision_log_dropped(Counters(registry, "smartbatch_decision_log_dropped_lines_total",
                                    "Lines that are missing in the decision log: its queue was full, or its file could "
                                    "not be written.")),
      request_duration(Histograms(registry, "smartbatch_request_duration_seconds",
                                  "The time from the arrival of a request to its answer, for answered requests.")),
      request_slowdown(Counters(registry, "smartbatch_request_slowdown_total",
                                "The sum, over answered requests, of latency divided by the predicted time of the "
                                "request in a batch of its own. Divided by their number it is the mean slowdown.")),
      queue_duration(Histograms(
          registry, "smartbatch_queue_duration_seconds",
          "The time from the arrival of a request to the dispatch of its last part, for answered requests.")),
      queue_requests(Gauges(registry, "smartbatch_queue_requests", "How many requests wait.")),
      queue_sequences(Gauges(registry, "smartbatch_queue_sequences", "How many sequences wait.")),
      queue_oldest_age(
          Gauges(registry, "smartbatch_queue_oldest_age_seconds", "The age of the oldest waiting request.")),
      queue_limit_requests(Gauges(registry, "smartbatch_queue_limit_requests",
                                  "How many requests may wait or be at a backend; more are refused.")),
      batch_sequences(Histograms(registry, "smartbatch_batch_sequences", "The number of sequences in a batch.")),
      batch_duration(Histograms(registry, "smartbatch_batch_duration_seconds",
                                "The time from the dispatch of a batch to its result or its failure.")),
      batch_max_length(Histograms(registry, "smartbatch_batch_max_length",
                                  "The number of characters of the longest sequence in a batch.")),
      batches(
          Counters(registry, "smartbatch_batches_total", "Batches, by the reason why they were sent when they were.")),
      batch_cost(Counters(registry, "smartbatch_batch_cost_seconds_total", "The predicted cost of the batches.")),
      batch_padding_cost(Counters(registry, "smartbatch_batch_padding_cost_seconds_total",
                                  "The part of the predicted cost that paid for empty seats and for padding short "
                                  "sequences to the longest.")),
      customer_charged(Counters(registry, "smartbatch_customer_charged_seconds_total",
                                "The predicted cost of batches, as charged to the customers in them.")),
      customer_charged_over_weight(Counters(
          registry, "smartbatch_customer_charged_over_weight_seconds_total",
          "The predicted cost of batches, as charged to the customers in them, divided by the customer's weight.")),
      customer_batches(Counters(registry, "smartbatch_customer_batches_total",
                                "Batches that carried a part of an answered request, counted once for each request.")),
      customer_batch_sequences(Counters(registry, "smartbatch_customer_batch_sequences_total",
                                        "All sequences in those batches, including those of other customers.")),
      fairness_gap(Gauges(registry, "smartbatch_fairness_gap_seconds",
                          "The largest minus the smallest counter of charged seconds divided by weight, among the "
                          "customers that have something in the queue.")),
      backend_busy(Counters(registry, "smartbatch_backend_busy_seconds_total",
                            "The time that batches spent at the backend, summed over its slots.")),
      backend_dead(Counters(registry, "smartbatch_backend_dead_seconds_total",
                            "The part of that time that was spent on sequences whose caller had left, or whose "
                            "deadline had passed, before the batch ended. Such sequences were already running: they "
                            "are never sent.")),
      backend_failed_batches(Counters(registry, "smartbatch_backend_failed_batches_total",
                                      "Batches that ended without an answer, by the status code that they ended "
                                      "with. It is also INTERNAL if the backend's answer was damaged or broke the "
                                      "contract.")),
      backend_inflight_batches(
          Gauges(registry, "smartbatch_backend_inflight_batches", "How many batches are at the backend.")),
      backend_up(
          Gauges(registry, "smartbatch_backend_up", "0 if the backend's last batch or health check failed, else 1.")),
      backend_too_large(Counters(registry, "smartbatch_backend_too_large_batches_total",
                                 "Batches that the backend refused although it accepts their sequences one by one.")),
      backend_size_limit(Gauges(registry, "smartbatch_backend_batch_size_limit",
                                "The most sequences that the backend accepts in a batch, learned from refused batches; "
                                "0 if it accepts full batches.")),
      cost_model_fixed(
          Gauges(registry, "smartbatch_cost_model_fixed_seconds", "The predicted cost of any batch, in seconds.")),
      cost_model_quadratic(Gauges(registry, "smartbatch_cost_model_quadratic_seconds",
                                  "The predicted cost of each squared character of the longest sequence, in seconds.")),
      cost_model_per_sequence(Gauges(registry, "smartbatch_cost_model_per_sequence_seconds",
                                     "The predicted cost of each sequence of a batch, in seconds.")),
      cost_model_per_character(
          Gauges(registry, "smartbatch_cost_model_per_character_seconds",
                 "The predicted cost of each sequence for each character of the longest, in seconds.")),
      cost_model_per_character_squared(
          Gauges(registry, "smartbatch_cost_model_per_character_squared_seconds",
                 "The predicted cost of each sequence for each squared character of the longest, in seconds.")),
      cost_model_knee(Gauges(registry, "smartbatch_cost_model_knee",
                             "How the fixed cost joins the rest: 1 adds them; a larger knee hides the rest behind the "
                             "fixed cost while the rest is small.")),
      cost_model_residual(
          Gauges(registry, "smartbatch_cost_model_residual_ratio",
                 "The mean of |observed - predicted| / predicted over the last batches, by the current cost model.")),
      cost_model_prediction_error(Gauges(
          registry, "smartbatch_cost_model_prediction_error_ratio",
          "The median of |observed - predicted| / observed over the last batches, with each batch as it was predicted "
          "before it ran.")),
      cost_model_batches(Gauges(registry, "smartbatch_cost_model_batches",
                                "Batches that the cost model was learned from, 64 at most.")),
      predicted_gain(Gauges(registry, "smartbatch_adaptive_predicted_gain_ratio",
                            "What the best strategy would have gained over the active one in the last minutes, "
                            "as a share of the objective of adaptive; 0 while it is not active.")),
      device_seconds(Counters(registry, "smartbatch_device_used_seconds_total",
                              "The time that the model's batches spent on a device that models share, summed over its "
                              "slots.")),
      decision_duration(Histograms(registry, "smartbatch_decision_duration_seconds",
                                   "The time that the scheduler took to choose a batch or to decide to wait.")),
      strategy_active(Gauges(registry, "smartbatch_strategy_active", "1 for the active strategy, 0 for the others.")),
      strategy_switches(Counters(registry, "smartbatch_strategy_switches_total", "Changes of the strategy.")) {}

CustomerStrategySeries::CustomerStrategySeries(Families& families, const std::string& customer,
                                               const std::string& strategy)
    : families_(families),
      customer_(customer),
      strategy_(strategy),
      request_duration_(
          families.request_duration.Add({{"customer", customer}, {"strategy", strategy}}, families.latency_buckets)),
      queue_duration_(
          families.queue_duration.Add({{"customer", customer}, {"strategy", strategy}}, families.latency_buckets)),
      slo_met_(families.slo_requests.Add({{"customer", customer}, {"strategy", strategy}, {"result", "met"}})),
      slo_missed_(families.slo_requests.Add({{"customer", customer}, {"strategy", strategy}, {"result", "missed"}})),
      slowdown_(families.request_slowdown.Add({{"customer", customer}, {"strategy", strategy}})),
      charged_(families.customer_charged.Add({{"customer", customer}, {"strategy", strategy}})),
      charged_over_weight_(families.customer_charged_over_weight.Add({{"customer", customer}, {"strategy", strategy}})),
      batches_(families.customer_batches.Add({{"customer", customer}, {"strategy", strategy}})),
      batch_sequences_(families.customer_batch_sequences.Add({{"customer", customer}, {"strategy", strategy}})) {
  // If a series began with its first event, a rate over it would miss that event.
  for (const auto code : {absl::StatusCode::kOk, absl::StatusCode::kCancelled, absl::StatusCode::kDeadlineExceeded,
                          absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnavailable}) {
    requests(code);
  }
}

prometheus::Counter& CustomerStrategySeries::requests(absl::StatusCode code) {
  const auto index = static_cast<std::size_t>(code) < requests_.size()
                         ? static_cast<std::size_t>(code)
                         : static_cast<std::size_t>(absl::StatusCode::kUnknown);
  prometheus::Counter*& counter = requests_[index];
  if (counter == nullptr) {
    counter = &families_.requests.Add(
        {{"customer", customer_}, {"strategy", strategy_}, {"code", NameOf(static_cast<absl::StatusCode>(index))}});
  }
  return *counter;
}

CustomerSeries::CustomerSeries(Families& families, std::string customer)
    : families_(families),
      customer_(std::move(customer)),
      slo_objective_(families.slo_objective.Add({{"customer", customer_}})),
      offered_(families.requests_offered.Add({{"customer", customer_}})),
      shed_(families.shed.Add({{"customer", customer_}})) {
  for (std::size_t i = 0; i < rejected_.size(); ++i) {
    const std::string reason(Name(static_cast<scheduling::RejectReason>(i)));
    rejected_[i] = &families.rejected.Add({{"customer", customer_}, {"reason", reason}});
  }
}

void CustomerSeries::SetObjective(Duration objective) {
  objective_ = objective;
  slo_objective_.Set(ToSeconds(objective));
}

CustomerStrategySeries& CustomerSeries::with_strategy(std::size_t strategy, std::string_view name) {
  if (strategy >= by_strategy_.size()) by_strategy_.resize(strategy + 1);
  auto& series = by_strategy_[strategy];
  if (!series) series = std::make_unique<CustomerStrategySeries>(families_, customer_, std::string(name));
  return *series;
}

StrategySeries::StrategySeries(Families& families, std::string_view strategy, std::uint32_t max_batch_size)
    : families_(families),
      strategy_(strategy),
      active_(families.strategy_active.Add({{"strategy", strategy_}})),
      decision_duration_(families.decision_duration.Add({{"strategy", strategy_}}, DecisionBuckets())),
      batch_sequences_(families.batch_sequences.Add({{"strategy", strategy_}}, SequenceBuckets(max_batch_size))),
      batch_max_length_(families.batch_max_length.Add({{"strategy", strategy_}}, LengthBuckets())),
      batch_cost_(families.batch_cost.Add({{"strategy", strategy_}})),
      batch_padding_cost_(families.batch_padding_cost.Add({{"strategy", strategy_}})) {
  for (std::size_t i = 0; i < batches_.size(); ++i) {
    const std::string reason(Name(static_cast<scheduling::DispatchReason>(i)));
    batches_[i] = &families.batches.Add({{"strategy", strategy_}, {"reason", reason}});
  }
}

prometheus::Histogram& StrategySeries::batch_duration(std::size_t backend, const std::string& name) {
  if (backend >= batch_duration_.size()) batch_duration_.resize(backend + 1);
  prometheus::Histogram*& histogram = batch_duration_[backend];
  if (histogram == nullptr) {
    histogram = &families_.batch_duration.Add({{"strategy", strategy_}, {"backend", name}}, LatencyBuckets({}));
  }
  return *histogram;
}

}  // namespace smartbatch::metrics
