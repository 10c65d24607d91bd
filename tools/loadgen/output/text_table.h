// Columns of text that line up.
#pragma once

#include <string>
#include <vector>

namespace smartbatch::loadgen {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  // Requires: `row` has as many cells as the header.
  void AddRow(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Aligns the first `text_columns` columns to the left, the others (numbers) to the right; a rule below the header.
  std::string ToString(std::size_t text_columns = 1) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace smartbatch::loadgen
