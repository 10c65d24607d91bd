// Logs a line for each batch, at debug level.
#pragma once

#include <map>
#include <string>

#include "services/proxy/scheduling/observer.h"

namespace smartbatch::proxy {

// Logs what was chosen, why, and how long it took: `batch=7 backend=host:port strategy=density reason=full sequences=5
// requests=3 longest=558 predicted_ms=311.364 took_ms=312.020 dead=0 code=OK`. Never a text, never a customer's name.
//
// Called by the scheduler, which waits while the line is formatted. Thread safety: that of the scheduler.
class BatchLog final : public scheduling::SchedulerObserver {
 public:
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;

 private:
  // By the backend's id, which is reused once the backend has been removed and its last batch has ended.
  std::map<scheduling::BackendId, std::string> addresses_;
};

}  // namespace smartbatch::proxy
