// Draws the picture.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/output/result_folder.h"

namespace smartbatch::loadgen {

// Writes STEM.dat and STEM.gp and has gnuplot make STEM.png and STEM.svg from them. NOT_FOUND if gnuplot is not
// installed (data and script are written all the same) or if no request was answered; INTERNAL if gnuplot
// fails or its pictures are not whole, and then no new picture is written.
absl::Status DrawPlot(const ResultSet& results, const Analysis& analysis, const std::string& stem,
                      const ResultFolder& folder);

}  // namespace smartbatch::loadgen
