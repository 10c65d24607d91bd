// Token ids as rows of the same length.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/classifier/engines/engine.h"

namespace smartbatch::classifier {

// Pads each row to the longest with 0, which the mask leaves out. Requires: at least one row, none of them empty.
inline TokenRows Padded(const std::vector<std::vector<std::int64_t>>& rows) {
  TokenRows padded;
  for (const auto& row : rows) padded.columns = std::max(padded.columns, row.size());
  padded.ids.reserve(rows.size() * padded.columns);
  padded.mask.reserve(rows.size() * padded.columns);
  for (const auto& row : rows) {
    padded.ids.insert(padded.ids.end(), row.begin(), row.end());
    padded.ids.resize(padded.ids.size() + padded.columns - row.size(), 0);
    padded.mask.insert(padded.mask.end(), row.size(), 1);
    padded.mask.resize(padded.ids.size(), 0);
  }
  return padded;
}

}  // namespace smartbatch::classifier
