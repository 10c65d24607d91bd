#include "tools/loadgen/engine/arrival_plan.h"

#include <algorithm>
#include <variant>

namespace smartbatch::loadgen {
namespace {

// Apart from the streams that the workload's own sources draw from the same seed.
constexpr std::uint64_t kTextStream = 0x7E87'0000'0000ULL;

}  // namespace

ArrivalPlan::ArrivalPlan(const workload::Workload& workload, const workload::Seeds& seeds, const TextSource& text)
    : text_(text) {
  customers_.reserve(workload.customers.size());
  for (std::size_t i = 0; i < workload.customers.size(); ++i) {
    const workload::CustomerModel& model = workload.customers[i];
    Customer customer{model.name, std::nullopt, std::nullopt, workload::RequestSource(model.requests, seeds.sizes, i),
                      Random::Stream(seeds.sizes, kTextStream + i)};
    if (const auto* closed = std::get_if<workload::ClosedLoop>(&model.arrivals)) {
      customer.think_time = closed->think_time;
    } else {
      customer.arrivals.emplace(model.arrivals, seeds.arrivals, i);
    }
    customers_.push_back(std::move(customer));
  }
}

Time ArrivalPlan::FirstArrival(std::uint32_t customer) {
  return customers_[customer].arrivals ? NextArrival(customer) : Time();
}

PlannedRequest ArrivalPlan::NextRequest(std::uint32_t customer) {
  Customer& from = customers_[customer];
  from.requests.Draw(lengths_);
  PlannedRequest request;
  request.sequences.reserve(lengths_.size());
  for (const std::uint32_t length : lengths_) {
    const std::uint32_t characters = std::max<std::uint32_t>(length, 1);
    request.sequences.push_back(text_.Cut(characters, from.text_random));
    request.longest = std::max(request.longest, characters);
  }
  return request;
}

}  // namespace smartbatch::loadgen
