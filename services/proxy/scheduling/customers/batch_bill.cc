#include "services/proxy/scheduling/customers/batch_bill.h"

#include <cstddef>
#include <utility>

#include "services/proxy/scheduling/customers/airport_charges.h"

namespace smartbatch::scheduling {

void BatchBill::Settle(const Selection& batch, const CostModel& cost,
                       absl::FunctionRef<void(Customer&, double)> charge) {
  unsettled_.clear();
  lengths_.clear();
  charges_.clear();
  payers_.clear();
  std::size_t paying = 0;
  for (std::size_t i = 0; i < batch.members().size(); ++i) {
    PendingSequence& sequence = *batch.members()[i];
    if (sequence.settled) continue;
    sequence.settled = true;
    unsettled_.push_back(&sequence);
    lengths_.push_back(sequence.length);
    if (i < batch.paying()) ++paying;
  }
  if (paying > 0) {
    AirportCharges(cost, lengths_, paying, charges_);
  } else if (!lengths_.empty()) {
    // All the others ride free and pay only for their seats: for the time by which they make the batch longer.
    const std::size_t all = batch.members().size();
    const double seats = cost.Seconds(all, batch.longest()) - cost.Seconds(all - lengths_.size(), batch.longest());
    charges_.assign(lengths_.size(), seats / static_cast<double>(lengths_.size()));
  }
  for (std::size_t i = 0; i < charges_.size(); ++i) {
    if (charges_[i] <= 0) continue;
    Customer& customer = *unsettled_[i]->request->customer;
    if (customer.unsettled_seconds == 0) payers_.push_back(&customer);
    customer.unsettled_seconds += charges_[i];
  }
  // Moving an account costs more than adding up charges.
  for (Customer* const customer : payers_) charge(*customer, std::exchange(customer->unsettled_seconds, 0));
}

}  // namespace smartbatch::scheduling
