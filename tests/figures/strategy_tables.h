// The tables of STRATEGIES.md that have every strategy beside the others.
#pragma once

#include <string>
#include <vector>

#include "tests/figures/laboratory.h"

namespace smartbatch::test {

// Mean and 99th percentile in ms over six open loops, seed 1: a table each, in Markdown.
std::string StrategyTables(Laboratory& laboratory);
// The lines of these tables that the default and weighted_fair have, which take seconds.
std::vector<std::string> CheapLinesOfStrategyTables(Laboratory& laboratory);

}  // namespace smartbatch::test
