// Searches for the largest rate at which an objective holds, in a server or a simulation.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace smartbatch::loadgen {

// The outcome of one try at a rate.
struct Trial {
  double requests_per_second = 0;
  // The objective's figure, in its unit; nothing if it is not known.
  std::optional<double> measured;
  bool met = false;
  // Why the try must not be trusted; empty if it may be.
  std::string defect;
};

struct RateSearchOptions {
  // The first try; above 0.
  double start = 1;
  // The factor from one try to the next until one holds and one does not; above 1.
  double step = 2;
  // The search ends when the smallest rate that breaks is at most this multiple of the largest that holds; above 1.
  double precision = 1.02;
  // At least 1.
  int most_trials = 20;
};

struct RateSearchResult {
  // The largest rate that held, and the smallest that did not; nothing if there was none.
  std::optional<Trial> held;
  std::optional<Trial> broke;
  // In the order they were made.
  std::vector<Trial> trials;
  // Whether the precision was reached.
  bool complete = false;

  // The geometric mean of the two; nothing if one of them is missing.
  std::optional<double> Estimate() const;
};

// Steps up or down from the start until the limit lies between two tries, then halves the interval (on a logarithmic
// scale). If the figure does not rise with the rate it ends at one of the crossings. It gives up if the limit is not
// within a factor of 1,000 of the start. Fails if a try fails.
absl::StatusOr<RateSearchResult> FindLargestRate(const RateSearchOptions& options,
                                                 const std::function<absl::StatusOr<Trial>(double rate)>& try_rate);

}  // namespace smartbatch::loadgen
