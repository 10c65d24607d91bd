// The summary as one HTML page that needs nothing beside it: no network, no script, the picture inside.
#pragma once

#include <string>

#include "tools/loadgen/model/result_set.h"
#include "tools/loadgen/output/report_document.h"

namespace smartbatch::loadgen {

// `picture` is the text of an SVG file, or empty if there is none; `no_picture` then says why.
std::string HtmlReport(const ResultSet& results, const ReportDocument& report, const std::string& picture,
                       const std::string& no_picture);

}  // namespace smartbatch::loadgen
