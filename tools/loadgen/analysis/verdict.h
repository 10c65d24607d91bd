// The one sentence that a reader remembers.
#pragma once

#include <string>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// Names the strategy with the lowest mean latency and says how certain that is. Reads the strategies and the
// differences. Requires at least one strategy.
std::string VerdictOn(const WorkloadAnalysis& analysis);

}  // namespace smartbatch::loadgen
