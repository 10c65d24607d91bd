// Who wants to know what callers said by which their calls can be found again.
#pragma once

#include "common/time.h"
#include "services/proxy/runtime/backend_link.h"

namespace smartbatch::runtime {

// Told of every request right before the scheduler is offered it, under the dispatcher's lock: the next that the
// scheduler's observers hear of Accepted or Rejected is about this request. Returns soon, never waits, calls nothing of
// the dispatcher.
class OfferObserver {
 public:
  virtual ~OfferObserver() = default;
  virtual void Offering(const CallContext& context, Time now) = 0;
};

}  // namespace smartbatch::runtime
