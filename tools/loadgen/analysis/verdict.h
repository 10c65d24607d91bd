// The one sentence that a reader takes home.
#pragma once

#include <string>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// Names the strategy of the lowest mean latency and says how sure that is. Reads the strategies and the
// differences; the analysis must hold at least one strategy.
std::string VerdictOn(const WorkloadAnalysis& analysis);

}  // namespace smartbatch::loadgen
