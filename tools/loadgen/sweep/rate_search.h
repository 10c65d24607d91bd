// Searches the largest rate at which something holds, whoever tries it: a server or a simulation.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace smartbatch::loadgen {

// What one try at a rate found.
struct Trial {
  double requests_per_second = 0;
  // The figure that is asked for, in its unit; nothing where it cannot be told.
  std::optional<double> measured;
  bool met = false;
  // Why the try must not be trusted; empty where it may.
  std::string defect;
};

struct RateSearchOptions {
  // The first try; above 0.
  double start = 1;
  // From try to try until one holds and one does not; above 1.
  double step = 2;
  // It ends where the smallest rate that breaks is at most so many times the largest that holds; above 1.
  double precision = 1.02;
  // At least 1.
  int most_trials = 20;
};

struct RateSearchResult {
  // The largest that held, and the smallest that did not; nothing where there was none.
  std::optional<Trial> held;
  std::optional<Trial> broke;
  // In the order they were made.
  std::vector<Trial> trials;
  // Whether the precision was reached.
  bool complete = false;

  // Between the two, by their geometric mean; nothing where one of them is missing.
  std::optional<double> Estimate() const;
};

// Steps up or down from the start until the limit lies between two tries, then halves the interval (on a logarithmic
// scale). Where the figure does not rise with the rate it ends at one of the crossings. It gives up where the limit is
// not within a factor of 1,000 of the start. Fails where a try fails.
absl::StatusOr<RateSearchResult> FindLargestRate(const RateSearchOptions& options,
                                                 const std::function<absl::StatusOr<Trial>(double rate)>& try_rate);

}  // namespace smartbatch::loadgen
