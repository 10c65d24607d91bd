// The summary as sections and tables, whatever it is printed on.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/loadgen/analysis/analysis.h"

namespace smartbatch::loadgen {

struct ReportTable {
  // What the table shows, units included.
  std::string caption;
  std::vector<std::string> header;
  // Each row has as many cells as the header.
  std::vector<std::vector<std::string>> rows;
  // The first `text_columns` columns are text, the others numbers.
  std::size_t text_columns = 1;
  // Has a row for each customer under each strategy: left out if there is little room.
  bool is_long = false;
};

struct ReportSection {
  // The kind of section, and what it is about.
  std::string heading;
  std::string name;
  std::vector<std::string> lines;
  std::vector<ReportTable> tables;
};

struct ReportDocument {
  ReportSection verdict;
  ReportSection validity;
  // Has no lines if no objective was given.
  ReportSection objectives;
  // Strategies, groups and customers, differences, goodput, batches, failures.
  std::vector<ReportSection> workloads;
  ReportSection generator;
  ReportSection environment;
  ReportSection command;
};

ReportDocument MakeReport(const ResultSet& results, const Analysis& analysis);

}  // namespace smartbatch::loadgen
