#include "tools/loadgen/analysis/fairness.h"

namespace smartbatch::loadgen {

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

}  // namespace smartbatch::loadgen
