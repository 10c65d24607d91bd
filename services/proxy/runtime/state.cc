#include "services/proxy/runtime/state.h"

#include <limits>

namespace smartbatch::runtime {
namespace {

using scheduling::PendingSet;

CustomerState DescribeCustomer(const scheduling::Customer& customer, Time now) {
  const scheduling::PendingRequest* const oldest = PendingSet::OldestOf(customer);
  return {.name = customer.name,
          .queued_requests = customer.waiting_requests,
          .queued_sequences = customer.waiting_sequences,
          .oldest_age = oldest == nullptr ? Duration::zero() : now - oldest->arrival,
          .charged_seconds = customer.charged_seconds,
          .weight = customer.policy.weight};
}

std::vector<BackendState> DescribeBackends(const scheduling::BackendPool& pool) {
  std::vector<BackendState> states;
  for (const scheduling::Backend& backend : pool.backends()) {
    if (backend.removed) continue;
    states.push_back({.name = backend.name,
                      .up = backend.works(),
                      .batches_in_flight = backend.in_flight,
                      .slots = backend.slots,
                      .batch_size_limit = backend.size_limit.known(),
                      .cost = backend.cost,
                      .cost_residual_ratio = backend.fit.ResidualRatio(),
                      .cost_prediction_error_ratio = backend.fit.PredictionErrorRatio(),
                      .cost_batches = backend.fit.batches()});
  }
  return states;
}

}  // namespace

State DescribeScheduler(const scheduling::Scheduler& scheduler, Time now) {
  const scheduling::PendingRequest* const oldest = scheduler.pending().Oldest();
  State state;
  state.strategy = scheduler.strategy();
  state.deciding_strategy = std::string(scheduler.DecidingStrategy());
  state.generation = scheduler.generation();
  state.queued_requests = scheduler.pending().waiting_requests();
  state.queued_sequences = scheduler.pending().waiting_sequences();
  state.max_queued_requests = scheduler.options().max_queued_requests;
  state.batches_in_flight = scheduler.running_batches();
  state.oldest_age = oldest == nullptr ? Duration::zero() : now - oldest->arrival;
  state.fairness_gap_seconds = scheduler.customers().FairnessGapSeconds();
  state.outcomes = scheduler.outcomes();
  state.backends = DescribeBackends(scheduler.backends());
  return state;
}

std::vector<CustomerState> DescribeCustomers(const scheduling::Scheduler& scheduler, Time now, std::size_t max_count) {
  std::vector<CustomerState> states;
  if (max_count == 0) return states;
  std::vector<scheduling::Customer*> backlogged;
  scheduler.customers().backlogged().Collect(std::numeric_limits<double>::infinity(), max_count, backlogged);
  for (const scheduling::Customer* const customer : backlogged) states.push_back(DescribeCustomer(*customer, now));
  if (states.size() == max_count) return states;
  scheduler.customers().ForEachWhile([&](const scheduling::Customer& customer) {
    if (customer.waiting_requests == 0) states.push_back(DescribeCustomer(customer, now));
    return states.size() < max_count;
  });
  return states;
}

std::vector<CustomerState> DescribeCustomers(const scheduling::Scheduler& scheduler, Time now,
                                             const std::vector<std::string>& names) {
  std::vector<CustomerState> states;
  states.reserve(names.size());
  for (const std::string& name : names) {
    const scheduling::Customer* const customer = scheduler.customers().Find(name);
    states.push_back(customer == nullptr ? CustomerState{.name = name} : DescribeCustomer(*customer, now));
  }
  return states;
}

}  // namespace smartbatch::runtime
