#include "services/classifier/metrics.h"

namespace smartbatch::classifier {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using Buckets = prometheus::Histogram::BucketBoundaries;

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const std::string& name, const std::string& help,
                            const prometheus::Labels& labels = {}) {
  return BuildGauge().Name(name).Help(help).Register(registry).Add(labels);
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry, const std::string& version, std::size_t slots)
    : requests_(BuildCounter()
                    .Name("smartbatch_classifier_requests_total")
                    .Help("Answered calls of Classify and ModelInfer, by the name of the gRPC status code.")
                    .Register(registry)),
      waiting_batches_(AddGauge(registry, "smartbatch_classifier_waiting_batches", "Batches that wait for a slot.")),
      busy_slots_(AddGauge(registry, "smartbatch_classifier_busy_slots", "Slots that hold a batch.")),
      batch_duration_(BuildHistogram()
                          .Name("smartbatch_classifier_batch_duration_seconds")
                          .Help("How long batches held their slot.")
                          .Register(registry)
                          .Add({}, Buckets{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5,
                                           1.0, 2.5, 5.0, 10.0})),
      batch_sequences_(BuildHistogram()
                           .Name("smartbatch_classifier_batch_sequences")
                           .Help("The number of sequences in each batch that got a slot.")
                           .Register(registry)
                           .Add({}, Buckets{1, 2, 3, 4, 5, 8, 16, 32, 64, 128})) {
  // Every code that the service answers with exists from the start, at 0, so that a rate counts the first answer too.
  for (const char* const code :
       {"OK", "CANCELLED", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL", "UNAVAILABLE"}) {
    requests_by_code_[code] = &requests_.Add({{"code", code}});
  }
  AddGauge(registry, "smartbatch_classifier_slots", "How many batches can run at once.")
      .Set(static_cast<double>(slots));
  AddGauge(registry, "smartbatch_classifier_build_info", "Always 1; the label gives the version.",
           {{"version", version}})
      .Set(1);
}

void Metrics::Began(std::size_t sequences) {
  busy_slots_.Increment();
  batch_sequences_.Observe(static_cast<double>(sequences));
}

void Metrics::Ended(Duration held) {
  busy_slots_.Decrement();
  batch_duration_.Observe(ToSeconds(held));
}

void Metrics::Answered(const std::string& code_name) {
  const auto known = requests_by_code_.find(code_name);
  (known != requests_by_code_.end() ? *known->second : requests_.Add({{"code", code_name}})).Increment();
}

}  // namespace smartbatch::classifier
