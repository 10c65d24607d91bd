#include "tools/loadgen/engine/arrival_plan.h"

#include <algorithm>
#include <variant>

namespace smartbatch::loadgen {
namespace {

// A stream that the workload's own sources, which draw from the same seed, do not use.
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
      customer.think_times.emplace(*closed, seeds.think_times, i);
    } else {
      customer.arrivals.emplace(model, seeds.arrivals, i);
    }
    customers_.push_back(std::move(customer));
  }
}

Time ArrivalPlan::FirstArrival(std::uint32_t customer) {
  return customers_[customer].arrivals ? NextArrival(customer) : Time();
}

std::optional<Duration> ArrivalPlan::NextThinkTime(std::uint32_t customer) {
  auto& think_times = customers_[customer].think_times;
  return think_times ? std::optional(think_times->Next()) : std::nullopt;
}

PlannedRequest ArrivalPlan::NextRequest(std::uint32_t customer) {
  Customer& from = customers_[customer];
  PlannedRequest request;
  from.requests.Draw(request.lengths);
  request.sequences.reserve(request.lengths.size());
  for (std::uint32_t& length : request.lengths) {
    length = std::max<std::uint32_t>(length, 1);
    request.sequences.push_back(text_.Cut(length, from.text_random));
    request.longest = std::max(request.longest, length);
  }
  return request;
}

}  // namespace smartbatch::loadgen
