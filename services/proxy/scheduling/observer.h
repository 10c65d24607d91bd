// What the outside may watch: metrics, the decision log and the tests hang here.
#pragma once

#include <string_view>

#include <absl/status/status.h>

#include "common/time.h"
#include "services/proxy/scheduling/batch.h"
#include "services/proxy/scheduling/customer.h"
#include "services/proxy/scheduling/outcome.h"

namespace smartbatch::scheduling {

// Called by the scheduler in the middle of its work: an observer returns soon, never waits, and calls nothing of
// the scheduler. References are good for the time of the call.
class SchedulerObserver {
 public:
  virtual ~SchedulerObserver() = default;

  // A request was offered; exactly one of Rejected and Accepted follows.
  virtual void Rejected(std::string_view /*customer*/, std::string_view /*strategy*/, RejectReason /*reason*/) {}
  virtual void Accepted(const Customer& /*customer*/, const PendingRequest& /*request*/) {}
  // An accepted request ended.
  virtual void Ended(const Finished& /*finished*/) {}

  virtual void Dispatched(const Batch& /*batch*/) {}
  // A part of a batch's predicted cost was charged.
  virtual void Charged(const Customer& /*customer*/, std::string_view /*strategy*/, double /*seconds*/) {}
  virtual void BatchEnded(const Batch& /*batch*/, Duration /*took*/, const absl::Status& /*status*/) {}

  // `from` is empty for the strategy that the scheduler starts with.
  virtual void StrategyChanged(std::string_view /*from*/, std::string_view /*to*/) {}
};

}  // namespace smartbatch::scheduling
