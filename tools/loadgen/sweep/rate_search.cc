#include "tools/loadgen/sweep/rate_search.h"

#include <cmath>

namespace smartbatch::loadgen {
namespace {

constexpr double kFarthest = 1000;

bool IsFarFrom(double start, double rate) { return rate > start * kFarthest || rate < start / kFarthest; }

double NextRate(const RateSearchOptions& options, const RateSearchResult& so_far) {
  if (!so_far.held && !so_far.broke) return options.start;
  if (!so_far.broke) return so_far.held->requests_per_second * options.step;
  if (!so_far.held) return so_far.broke->requests_per_second / options.step;
  return *so_far.Estimate();
}

}  // namespace

std::optional<double> RateSearchResult::Estimate() const {
  if (!held || !broke) return std::nullopt;
  return std::sqrt(held->requests_per_second * broke->requests_per_second);
}

absl::StatusOr<RateSearchResult> FindLargestRate(const RateSearchOptions& options,
                                                 const std::function<absl::StatusOr<Trial>(double rate)>& try_rate) {
  RateSearchResult result;
  for (int i = 0; i < options.most_trials && !result.complete; ++i) {
    const double rate = NextRate(options, result);
    if (IsFarFrom(options.start, rate)) break;
    absl::StatusOr<Trial> trial = try_rate(rate);
    if (!trial.ok()) return trial.status();
    result.trials.push_back(*trial);
    (trial->met ? result.held : result.broke) = *trial;
    result.complete = result.held && result.broke &&
                      result.broke->requests_per_second <= result.held->requests_per_second * options.precision;
  }
  return result;
}

}  // namespace smartbatch::loadgen
