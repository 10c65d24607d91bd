// Batches over time as one HTML page that needs nothing beside it, with a play button.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/timeline/chart.h"

namespace smartbatch::loadgen {

// The charts stand one above another, over the same time and to the same scale. A name in them cannot become markup or
// script.
std::string ChartPage(const std::string& title, const std::vector<timeline::Chart>& charts);

// Writes the page to `path`, whole or not at all. FAILED_PRECONDITION names the path and the remedy.
absl::Status WriteChartPage(const std::string& path, const std::string& title,
                            const std::vector<timeline::Chart>& charts);

}  // namespace smartbatch::loadgen
