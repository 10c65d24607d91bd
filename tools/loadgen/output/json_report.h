// The summary for programs.
#pragma once

#include <string>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// Raised whenever a field changes its meaning or goes away; new fields do not raise it.
inline constexpr int kSummarySchemaVersion = 2;

// One JSON object, indented. A figure that is not known is null.
std::string JsonReport(const ResultSet& results, const Analysis& analysis);

}  // namespace smartbatch::loadgen
