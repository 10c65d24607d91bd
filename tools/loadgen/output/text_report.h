// The summary for people, as plain text.
#pragma once

#include <string>

#include "tools/loadgen/output/report_document.h"

namespace smartbatch::loadgen {

// The whole summary: verdict, validity, figures, generator's health, environment, command.
std::string TextReport(const ReportDocument& report);

// The summary for a terminal: the tables without single customers, and the verdict at the end, where it is seen.
std::string TerminalReport(const ReportDocument& report);

}  // namespace smartbatch::loadgen
