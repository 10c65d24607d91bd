#include "services/proxy/simulation/workload_feed.h"

#include <algorithm>
#include <variant>

namespace smartbatch::simulation {

WorkloadFeed::WorkloadFeed(const workload::Workload& workload, const workload::Seeds& seeds, std::uint64_t requests)
    : requests_(requests) {
  for (std::size_t i = 0; i < workload.customers.size(); ++i) {
    const workload::CustomerModel& model = workload.customers[i];
    names_.push_back(model.name);
    customers_.push_back({std::nullopt, std::nullopt, workload::RequestSource(model.requests, seeds.sizes, i)});
    Customer& customer = customers_.back();
    Time first{};
    if (const auto* closed = std::get_if<workload::ClosedLoop>(&model.arrivals)) {
      customer.think_times.emplace(*closed, seeds.think_times, i);
    } else {
      first = customer.arrivals.emplace(model, seeds.arrivals, i).Next();
    }
    MakeDue(first, static_cast<std::uint32_t>(i));
  }
}

void WorkloadFeed::MakeDue(Time time, std::uint32_t customer) {
  if (time == kNever) return;
  due_.push_back({time, customer});
  std::push_heap(due_.begin(), due_.end());
}

FedRequest WorkloadFeed::Take() {
  std::pop_heap(due_.begin(), due_.end());
  const Due due = due_.back();
  due_.pop_back();
  ++taken_;
  Customer& customer = customers_[due.customer];
  customer.requests.Draw(lengths_);
  for (std::uint32_t& length : lengths_) length = std::max<std::uint32_t>(length, 1);
  if (customer.arrivals) MakeDue(customer.arrivals->Next(), due.customer);
  return {due.time, due.customer, lengths_};
}

void WorkloadFeed::Ended(std::uint32_t customer, Time now) {
  if (auto& think_times = customers_[customer].think_times) MakeDue(Later(now, think_times->Next()), customer);
}

double LeastUtilization(const workload::Workload& workload, const CostModel& cost, std::uint32_t max_batch_size,
                        std::uint32_t slots) {
  constexpr int kDraws = 10'000;
  double seconds_per_second = 0;
  std::vector<std::uint32_t> lengths;
  for (std::size_t i = 0; i < workload.customers.size(); ++i) {
    const workload::CustomerModel& customer = workload.customers[i];
    const double rate = workload::MeanRequestsPerSecond(customer);
    if (rate <= 0) continue;
    workload::RequestSource source(customer.requests, 20'251'122, i);
    double seconds = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      source.Draw(lengths);
      for (const std::uint32_t length : lengths) seconds += cost.Packed(length, max_batch_size);
    }
    seconds_per_second += rate * seconds / kDraws;
  }
  return seconds_per_second / slots;
}

}  // namespace smartbatch::simulation
