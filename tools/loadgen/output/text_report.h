// The summary for people, as plain text.
#pragma once

#include <string>

#include "tools/loadgen/output/report_document.h"

namespace smartbatch::loadgen {

// The whole summary: verdict, validity, figures, generator's health, environment, command.
std::string TextReport(const ReportDocument& report);

// What belongs on the terminal: the tables without single customers, and at the end, where it is seen, the verdict.
std::string TerminalReport(const ReportDocument& report);

}  // namespace smartbatch::loadgen
