#include "services/proxy/scheduling/customers/customer_accounts.h"

#include <algorithm>
#include <cassert>

namespace smartbatch::scheduling {

CustomerAccounts::~CustomerAccounts() { idle_.clear(); }

Customer& CustomerAccounts::Open(std::string_view name) {
  assert(Find(name) == nullptr);
  auto opened = std::make_unique<Customer>();
  opened->name = std::string(name);
  opened->opened = ++opened_;
  Customer& customer = *opened;
  accounts_.insert(std::move(opened));
  idle_.push_back(customer);
  return customer;
}

Customer* CustomerAccounts::Find(std::string_view name) {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->get();
}

const Customer* CustomerAccounts::Find(std::string_view name) const {
  const auto found = accounts_.find(name);
  return found == accounts_.end() ? nullptr : found->get();
}

void CustomerAccounts::Configure(std::string_view name, const CustomerPolicy& policy) {
  assert(policy.weight > 0);
  Customer* const found = Find(name);
  Customer& customer = found != nullptr ? *found : Open(name);
  customer.policy = policy;
  customer.configured = true;
  LeftIdle(customer);
}

void CustomerAccounts::Unconfigure(std::string_view name) {
  const auto found = accounts_.find(name);
  if (found == accounts_.end()) return;
  Customer& customer = **found;
  customer.policy = CustomerPolicy{};
  if (!customer.configured) return;
  customer.configured = false;
  if (customer.live_requests == 0) BecameIdle(customer);
}

void CustomerAccounts::BecameBacklogged(Customer& customer, const LagAllowance& allowance, Time now) {
  double lag = 0;
  if (now - customer.departure.time <= allowance.longest_absence) {
    lag = std::clamp(customer.departure.virtual_time - customer.counter, 0.0, allowance.most_seconds);
  }
  customer.counter = std::max(customer.counter, virtual_time_ - lag);
  backlogged_.Add(customer);
  LiftVirtualTime();
}

void CustomerAccounts::BecameUnbacklogged(Customer& customer, Time now) {
  backlogged_.Remove(customer);
  LiftVirtualTime();
  customer.departure = {now, virtual_time_};
}

void CustomerAccounts::LeftIdle(Customer& customer) {
  if (customer.idle_hook.is_linked()) idle_.erase(IdleList::s_iterator_to(customer));
}

void CustomerAccounts::BecameIdle(Customer& customer) {
  assert(customer.live_requests == 0);
  customer.waitlist.reset();  // all of its share is free
  if (customer.configured) return;
  idle_.push_back(customer);
  while (idle_.size() > max_idle_accounts_) {
    const Customer& oldest = idle_.front();
    idle_.pop_front();
    accounts_.erase(accounts_.find(std::string_view(oldest.name)));
  }
}

void CustomerAccounts::Charge(Customer& customer, double seconds) {
  customer.charged_seconds += seconds;
  customer.counter += seconds / customer.policy.weight;
  if (customer.waiting_requests > 0) backlogged_.CounterGrew(customer);
  LiftVirtualTime();
}

void CustomerAccounts::LiftVirtualTime() {
  if (!backlogged_.empty()) virtual_time_ = std::max(virtual_time_, backlogged_.LeastCounter());
}

double CustomerAccounts::FairnessGapSeconds() const {
  return backlogged_.empty() ? 0 : backlogged_.GreatestCounter() - backlogged_.LeastCounter();
}

void CustomerAccounts::ForEach(const std::function<void(const Customer&)>& visit) const {
  for (const Account& customer : accounts_) visit(*customer);
}

void CustomerAccounts::ForEachWhile(const std::function<bool(const Customer&)>& visit) const {
  for (const Account& customer : accounts_) {
    if (!visit(*customer)) return;
  }
}

}  // namespace smartbatch::scheduling
