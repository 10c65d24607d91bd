#include "services/proxy/runtime/sharing_advice.h"

#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::runtime {

void SharingAdvice::Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& /*request*/) {
  if (several_customers_) return;
  if (first_customer_.empty()) {
    first_customer_ = customer.name;
    return;
  }
  several_customers_ = customer.name != first_customer_;
  TellIfNeeded();
}

void SharingAdvice::StrategyChanged(std::string_view /*from*/, std::string_view to, scheduling::SwitchedBy by) {
  const scheduling::StrategySpecification* const specification = scheduling::FindStrategy(to);
  strategy_ = to;
  shares_ = specification != nullptr && scheduling::PromisesOf(*specification).shares_between_customers;
  // Advice may change every few minutes.
  if (by != scheduling::SwitchedBy::kAdvice) told_ = false;
  TellIfNeeded();
}

void SharingAdvice::TellIfNeeded() {
  if (!several_customers_ || shares_ || told_) return;
  told_ = true;
  tell_(strategy_);
}

}  // namespace smartbatch::runtime
