// The gnuplot script of the picture: four panels for each workload.
#pragma once

#include <string>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// Reads `data_file` (see PlotData) from the folder it is run in. It draws `png_file` and `svg_file`, unless the
// variables `png` and `svg` name others.
std::string PlotScript(const ResultSet& results, const Analysis& analysis, const std::string& data_file,
                       const std::string& png_file, const std::string& svg_file);

}  // namespace smartbatch::loadgen
