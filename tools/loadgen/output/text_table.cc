#include "tools/loadgen/output/text_table.h"

#include <algorithm>

#include "common/utf8.h"

namespace smartbatch::loadgen {
namespace {

std::size_t Width(const std::string& cell) { return CountCodePoints(cell).value_or(cell.size()); }

}  // namespace

std::string TextTable::ToString(std::size_t text_columns) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], Width(row[column]));
    }
  }
  std::string table;
  for (std::size_t line = 0; line < rows_.size(); ++line) {
    std::string text;
    for (std::size_t column = 0; column < rows_[line].size(); ++column) {
      const std::string& cell = rows_[line][column];
      const std::string padding(widths[column] - Width(cell), ' ');
      text += (column > 0 ? "  " : "") + (column < text_columns ? cell + padding : padding + cell);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    table += text + '\n';
    if (line > 0) continue;
    std::size_t total = 2 * (widths.size() - 1);
    for (const std::size_t width : widths) total += width;
    table += std::string(total, '-') + '\n';
  }
  return table;
}

}  // namespace smartbatch::loadgen
