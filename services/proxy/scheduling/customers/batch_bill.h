// Who pays what for a batch.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/functional/function_ref.h>

#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/model/cost_model.h"
#include "services/proxy/scheduling/model/selection.h"

namespace smartbatch::scheduling {

// Adds the charges of a batch's members (AirportCharges) up by customer. One object is kept and used again, so that a
// batch costs no memory. Not thread safe.
//
// A sequence is charged for once, with the first batch that it is sent in. One that is sent again because that batch
// failed pays nothing, and the others in its new batch pay as if it were not there: no customer pays for what somebody
// else's sequence, or a backend, has spoiled.
class BatchBill {
 public:
  // Calls `charge` once for each customer that pays, with seconds of backend time, in the order of the members; and
  // marks the members as settled.
  void Settle(const Selection& batch, const CostModel& cost, absl::FunctionRef<void(Customer&, double)> charge);

 private:
  std::vector<PendingSequence*> unsettled_;
  std::vector<std::uint32_t> lengths_;
  std::vector<double> charges_;  // of the members
  std::vector<Customer*> payers_;
};

}  // namespace smartbatch::scheduling
