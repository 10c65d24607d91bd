#include "common/fairness.h"

#include <algorithm>

namespace smartbatch {

std::optional<double> JainIndex(const std::vector<double>& values) {
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  if (squares <= 0) return std::nullopt;
  return sum * sum / (static_cast<double>(values.size()) * squares);
}

FairnessFigures FairnessOf(const std::vector<CustomerStanding>& customers) {
  FairnessFigures figures;
  double answers = 0;
  double slowdowns = 0;
  bool every_slowdown = true;
  std::vector<double> shares;
  bool every_share = true;
  for (const CustomerStanding& customer : customers) {
    if (customer.answered == 0) continue;
    answers += static_cast<double>(customer.answered);
    slowdowns += static_cast<double>(customer.answered) * customer.slowdown.value_or(0);
    every_slowdown = every_slowdown && customer.slowdown;
    if (customer.slowdown && customer.answered >= kFewestAnswers) {
      figures.worst_customer_slowdown = std::max(figures.worst_customer_slowdown.value_or(0), *customer.slowdown);
    }
    shares.push_back(customer.charged_over_weight.value_or(0));
    every_share = every_share && customer.charged_over_weight;
  }
  if (answers > 0 && every_slowdown) figures.slowdown = slowdowns / answers;
  if (!every_slowdown) figures.worst_customer_slowdown.reset();
  if (every_share) figures.share_index = JainIndex(shares);
  return figures;
}

}  // namespace smartbatch
