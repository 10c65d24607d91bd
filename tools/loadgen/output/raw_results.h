// The raw results as files: STAMP_requests.csv has every request, STAMP_blocks.json the blocks that they belong to.
// Every report can be made again from these two.
#pragma once

#include <filesystem>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "tools/loadgen/model/result_set.h"

namespace smartbatch::loadgen {

inline constexpr char kBlocksSuffix[] = "_blocks.json";
inline constexpr char kRequestsSuffix[] = "_requests.csv";

// One line for each request, warm-up included, below a line of names. Times are in ms since the block's start, to the
// nanosecond.
void WriteRequestsCsv(const ResultSet& results, std::ostream& out);
// Everything but the requests, as JSON.
std::string BlocksJson(const ResultSet& results);

// Reads both files again, given the path of the first of them: FOLDER/STAMP_blocks.json. INVALID_ARGUMENT names the
// file, and in it the line or field, that is missing or wrong.
absl::StatusOr<ResultSet> ReadRawResults(const std::filesystem::path& blocks_file);

}  // namespace smartbatch::loadgen
