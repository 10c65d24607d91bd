// What each customer pays for a batch.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/functional/function_ref.h>

#include "common/cost_model.h"
#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/model/selection.h"

namespace smartbatch::scheduling {

// Adds up the charges of a batch's members (AirportCharges) by customer. One object is reused, so that a batch
// allocates no memory. Not thread safe.
//
// A sequence is charged once, with the first batch in which it is sent. If it is sent again because that batch failed
// it pays nothing, and the others in its new batch pay as if it were not there: no customer pays for the damage of
// another customer's sequence or of a backend.
class BatchBill {
 public:
  // Calls `charge` once for each customer that pays, with seconds of backend time, in the order of the members, and
  // marks the members as settled.
  void Settle(const Selection& batch, const CostModel& cost, absl::FunctionRef<void(Customer&, double)> charge);

 private:
  std::vector<PendingSequence*> unsettled_;
  std::vector<std::uint32_t> lengths_;
  std::vector<double> charges_;  // of the members
  std::vector<Customer*> payers_;
};

}  // namespace smartbatch::scheduling
