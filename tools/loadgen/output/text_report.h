// The summary for people: verdict, validity, figures, generator's health, environment, command.
#pragma once

#include <string>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// The whole summary.
std::string TextReport(const ResultSet& results, const Analysis& analysis);

// What belongs on the terminal: verdict, validity and the tables.
std::string TerminalReport(const ResultSet& results, const Analysis& analysis);

}  // namespace smartbatch::loadgen
