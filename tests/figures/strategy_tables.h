// The tables of STRATEGIES.md that have strategies beside one another.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/figures/laboratory.h"

namespace smartbatch::test {

// A table in Markdown whose rows are measured, each with seed 1.
struct StrategyTable {
  struct Row {
    std::string name;                                            // its first cell
    std::function<std::vector<std::string>(Laboratory&)> cells;  // the others
    // Takes less than a few seconds, so that the document can be checked against it.
    bool is_cheap = false;
  };
  std::string name;
  // The figures of this group read most of the same simulations, so the table is written together with them.
  std::string group;
  std::string head;  // two lines
  std::vector<Row> rows;
};
std::vector<StrategyTable> StrategyTables();

// "| name |", with which the row's line begins.
std::string BeginningOf(const StrategyTable::Row& row);
std::string LineOf(const StrategyTable::Row& row, Laboratory& laboratory);
std::string MarkdownOf(const StrategyTable& table, Laboratory& laboratory);

}  // namespace smartbatch::test
