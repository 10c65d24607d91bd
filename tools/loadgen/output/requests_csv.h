// The raw requests as comma-separated values: one line each, warm-up included.
#pragma once

#include <ostream>

#include "tools/loadgen/model/result_set.h"

namespace smartbatch::loadgen {

void WriteRequestsCsv(const ResultSet& results, std::ostream& out);

}  // namespace smartbatch::loadgen
