// The series that the classifier exports, all named smartbatch_classifier_*.
#pragma once

#include <map>
#include <string>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "common/time.h"

namespace smartbatch::classifier {

// The classifier's series. Thread safe. The registry must outlive it.
class Metrics {
 public:
  Metrics(prometheus::Registry& registry, const std::string& version, std::size_t slots);

  // A batch waits for a slot; it has left the queue; it holds a slot; it has left the slot.
  void Queued() { waiting_batches_.Increment(); }
  void Unqueued() { waiting_batches_.Decrement(); }
  void Began(std::size_t sequences);
  void Ended(Duration held);
  // A call was answered with the code of the given name.
  void Answered(const std::string& code_name);

 private:
  prometheus::Family<prometheus::Counter>& requests_;
  std::map<std::string, prometheus::Counter*> requests_by_code_;  // never changes once made
  prometheus::Gauge& waiting_batches_;
  prometheus::Gauge& busy_slots_;
  prometheus::Histogram& batch_duration_;
  prometheus::Histogram& batch_sequences_;
};

}  // namespace smartbatch::classifier
