#include "tools/loadgen/metrics/load_metrics.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "services/metrics_endpoint/metrics_endpoint.h"

namespace smartbatch::loadgen {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr std::size_t kMostNamedCustomers = 100;

// In seconds; the same as the proxy's, so that both views of a request can be compared.
const Histogram::BucketBoundaries& LatencyBuckets() {
  static const Histogram::BucketBoundaries buckets = {0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006, 0.008,
                                                      0.012,  0.016,   0.025, 0.035,  0.05,  0.075, 0.1,   0.15,  0.2,
                                                      0.3,    0.4,     0.5,   0.6,    0.8,   1.2,   1.6,   2.5,   3.5,
                                                      5,      7.5,     10,    15,     20,    30,    60};
  return buckets;
}
const Histogram::BucketBoundaries& DelayBuckets() {
  static const Histogram::BucketBoundaries buckets = {
      0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1};
  return buckets;
}

std::string OutcomeName(int status_code) {
  std::string name = StatusName(status_code);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return name;
}

}  // namespace

struct LoadMetrics::Series {
  // One customer's series under the present strategy.
  struct Customer {
    std::string name;
    Counter* answered = nullptr;
    Histogram* latency = nullptr;
  };

  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  Family<Counter>& sent_family = prometheus::BuildCounter()
                                     .Name("loadgen_requests_sent_total")
                                     .Help("Requests that have left.")
                                     .Register(*registry);
  Family<Counter>& done_family = prometheus::BuildCounter()
                                     .Name("loadgen_requests_done_total")
                                     .Help("Requests that were due and have ended, by outcome.")
                                     .Register(*registry);
  Family<Histogram>& latency_family = prometheus::BuildHistogram()
                                          .Name("loadgen_request_latency_seconds")
                                          .Help("From when a request was due to its answer; answered requests only.")
                                          .Register(*registry);
  Family<Gauge>& block_family = prometheus::BuildGauge()
                                    .Name("loadgen_block_info")
                                    .Help("The workload and the strategy that are played.")
                                    .Register(*registry);
  Histogram& dispatch_delay = prometheus::BuildHistogram()
                                  .Name("loadgen_dispatch_delay_seconds")
                                  .Help("From when a request was due to when it left.")
                                  .Register(*registry)
                                  .Add({}, DelayBuckets());
  Gauge& in_flight = MakeGauge("loadgen_requests_in_flight", "Requests that have left and have not ended.");
  Gauge& block_number = MakeGauge("loadgen_block_number", "The block that is played, from 1; 0 between blocks.");
  Gauge& blocks = MakeGauge("loadgen_blocks", "Blocks in all.");

  // Of the present block; they change only between blocks.
  std::string strategy;
  Gauge* block = nullptr;
  Counter* sent = nullptr;
  std::vector<Customer> customers;

  // Last, so that it ends before what it serves.
  std::optional<metrics_endpoint::MetricsEndpoint> endpoint;

  Gauge& MakeGauge(const std::string& name, const std::string& help) const {
    return prometheus::BuildGauge().Name(name).Help(help).Register(*registry).Add({});
  }
};

absl::StatusOr<std::unique_ptr<LoadMetrics>> LoadMetrics::Start(const std::string& address) {
  auto series = std::make_unique<Series>();
  auto endpoint = metrics_endpoint::MetricsEndpoint::Start(address, series->registry);
  if (!endpoint.ok()) return endpoint.status();
  series->endpoint.emplace(*std::move(endpoint));
  return std::unique_ptr<LoadMetrics>(new LoadMetrics(std::move(series)));
}

LoadMetrics::LoadMetrics(std::unique_ptr<Series> series) : series_(std::move(series)) {}
LoadMetrics::~LoadMetrics() = default;

const std::string& LoadMetrics::address() const { return series_->endpoint->address(); }

void LoadMetrics::BeginBlock(const std::string& workload, const std::string& strategy, std::size_t number,
                             std::size_t count, const std::vector<std::string>& customers) {
  EndBlock();
  Series& series = *series_;
  series.strategy = strategy;
  series.block = &series.block_family.Add({{"workload", workload}, {"strategy", strategy}}, 1);
  series.block_number.Set(static_cast<double>(number));
  series.blocks.Set(static_cast<double>(count));
  series.sent = &series.sent_family.Add({{"strategy", strategy}});
  for (std::size_t i = 0; i < customers.size(); ++i) {
    const std::string name = i < kMostNamedCustomers ? customers[i] : "other";
    const prometheus::Labels labels = {{"strategy", strategy}, {"customer", name}};
    // Created at 0: a rate would miss the first requests otherwise.
    series.customers.push_back(
        {name, &series.done_family.Add({{"strategy", strategy}, {"customer", name}, {"outcome", "ok"}}),
         &series.latency_family.Add(labels, LatencyBuckets())});
  }
}

void LoadMetrics::EndBlock() {
  if (series_->block == nullptr) return;
  series_->block_family.Remove(series_->block);
  series_->block = nullptr;
  series_->block_number.Set(0);
  series_->customers.clear();
}

void LoadMetrics::Sent() {
  series_->sent->Increment();
  series_->in_flight.Increment();
}

void LoadMetrics::Ended(const RequestRecord& record) {
  const Series::Customer& customer = series_->customers[record.customer];
  if (record.status_code != kStatusNotSent) {
    series_->in_flight.Decrement();
    series_->dispatch_delay.Observe(ToSeconds(record.sent - record.scheduled));
  }
  if (record.answered()) {
    customer.answered->Increment();
    customer.latency->Observe(ToSeconds(record.done - record.scheduled));
    return;
  }
  series_->done_family
      .Add({{"strategy", series_->strategy}, {"customer", customer.name}, {"outcome", OutcomeName(record.status_code)}})
      .Increment();
}

}  // namespace smartbatch::loadgen
