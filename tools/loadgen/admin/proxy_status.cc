#include "tools/loadgen/admin/proxy_status.h"

#include <map>

namespace smartbatch::loadgen {
namespace {

// With fewer batches the fit learns only the scale from them (see BackendStatus).
constexpr std::uint32_t kFewestBatches = 8;
constexpr int kMostListed = 100;

}  // namespace

std::optional<CostModel> LearnedCost(const proxy::v1::GetStatusResponse& status) {
  for (const proxy::v1::BackendStatus& backend : status.backends()) {
    if (backend.learned_batches() < kFewestBatches) continue;
    const proxy::v1::CostModel& told = backend.cost_model();
    const CostModel cost{
        told.fixed(), told.quadratic(), told.per_sequence(), told.per_character(), told.per_character_squared(),
        told.knee()};
    if (cost.Validate("").ok() && cost.Alone(1) > 0) return cost;
  }
  return std::nullopt;
}

std::vector<double> ChargedOverWeight(const proxy::v1::GetStatusResponse& before,
                                      const proxy::v1::GetStatusResponse& after,
                                      const std::vector<std::string>& customers) {
  if (before.process_id() != after.process_id()) return {};
  std::map<std::string, double> charged_before;
  for (const proxy::v1::CustomerStatus& customer : before.customers()) {
    charged_before[customer.customer()] = customer.charged_seconds();
  }
  std::map<std::string, const proxy::v1::CustomerStatus*> statuses;
  for (const proxy::v1::CustomerStatus& customer : after.customers()) statuses[customer.customer()] = &customer;
  std::vector<double> charged;
  for (const std::string& name : customers) {
    const auto status = statuses.find(name);
    const auto earlier = charged_before.find(name);
    // The proxy did not know this customer yet if its list had room for all and left the customer out.
    const bool was_new = earlier == charged_before.end() && before.customers_size() < kMostListed;
    if (status == statuses.end() || (earlier == charged_before.end() && !was_new)) return {};
    const double seconds = status->second->charged_seconds() - (was_new ? 0 : earlier->second);
    // An account that was closed meanwhile begins at 0 again.
    if (seconds < 0 || !(status->second->weight() > 0)) return {};
    charged.push_back(seconds / status->second->weight());
  }
  return charged;
}

}  // namespace smartbatch::loadgen
