// A line for each batch in the log, at debug level.
#pragma once

#include <map>
#include <string>

#include "services/proxy/scheduling/observer.h"

namespace smartbatch::proxy {

// What was chosen, why, and how long it took: `batch=7 backend=host:port strategy=density reason=full sequences=5
// requests=3 longest=558 predicted_ms=311.364 took_ms=312.020 dead=0 code=OK`. Never a text, never a customer's name.
//
// Called by the scheduler, whose work waits for the line to be put together. Thread safety: that of the scheduler.
class BatchLog final : public scheduling::SchedulerObserver {
 public:
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;

 private:
  // By the number of the backend, which is used again when it is removed and its last batch has ended.
  std::map<scheduling::BackendId, std::string> addresses_;
};

}  // namespace smartbatch::proxy
