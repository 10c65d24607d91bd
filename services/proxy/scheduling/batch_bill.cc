#include "services/proxy/scheduling/batch_bill.h"

#include <cstddef>
#include <utility>

#include "services/proxy/scheduling/airport_charges.h"

namespace smartbatch::scheduling {

void BatchBill::Settle(const Selection& batch, const CostModel& cost,
                       absl::FunctionRef<void(Customer&, double)> charge) {
  lengths_.clear();
  charges_.clear();
  payers_.clear();
  for (const PendingSequence* const sequence : batch.members()) lengths_.push_back(sequence->length);
  AirportCharges(cost, lengths_, batch.paying(), charges_);
  for (std::size_t i = 0; i < charges_.size(); ++i) {
    if (charges_[i] <= 0) continue;
    Customer& customer = *batch.members()[i]->request->customer;
    if (customer.unsettled_seconds == 0) payers_.push_back(&customer);
    customer.unsettled_seconds += charges_[i];
  }
  // Moving an account costs more than adding up.
  for (Customer* const customer : payers_) charge(*customer, std::exchange(customer->unsettled_seconds, 0));
}

}  // namespace smartbatch::scheduling
