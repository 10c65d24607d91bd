// Whether a result may be trusted.
#pragma once

#include <string>
#include <vector>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

// A strategy with fewer answers than this has not even a median.
inline constexpr std::uint64_t kFewestAnswers = 20;

// Of the requests of a block, the share that may end because there is no connection to the server.
inline constexpr double kMostDisconnected = 0.01;

// Returns a sentence that says the server went away while the block was played; empty if the server was there.
std::string ServerGone(const Block& block);

// Returns every reason not to trust the figures, a sentence each with the remedy; empty if the result is valid.
std::vector<std::string> FindDefects(const ResultSet& results, const Analysis& analysis);

}  // namespace smartbatch::loadgen
