#include "tools/loadgen/output/text_report.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "tools/loadgen/output/text_table.h"

namespace smartbatch::loadgen {
namespace {

std::string Render(const ReportTable& table) {
  TextTable text(table.header);
  for (const std::vector<std::string>& row : table.rows) text.AddRow(row);
  return table.caption + '\n' + text.ToString(table.text_columns);
}

std::string Render(const ReportSection& section) {
  std::string text = absl::AsciiStrToUpper(section.heading) + (section.name.empty() ? "" : " " + section.name) + '\n';
  for (const std::string& line : section.lines) text += "  " + line + '\n';
  for (const ReportTable& table : section.tables) text += '\n' + Render(table);
  return text;
}

std::string Join(const std::vector<const ReportSection*>& sections) {
  std::string text;
  for (const ReportSection* const section : sections) {
    if (section->lines.empty() && section->tables.empty()) continue;
    text += (text.empty() ? "" : "\n") + Render(*section);
  }
  return text;
}

}  // namespace

std::string TextReport(const ReportDocument& report) {
  std::vector<const ReportSection*> sections = {&report.verdict, &report.validity, &report.objectives};
  for (const ReportSection& workload : report.workloads) sections.push_back(&workload);
  for (const ReportSection* const last : {&report.generator, &report.environment, &report.command}) {
    sections.push_back(last);
  }
  return Join(sections);
}

std::string TerminalReport(const ReportDocument& report) {
  std::vector<ReportSection> workloads = report.workloads;
  std::vector<const ReportSection*> sections;
  for (ReportSection& workload : workloads) {
    std::erase_if(workload.tables, [](const ReportTable& table) { return table.is_long; });
    sections.push_back(&workload);
  }
  for (const ReportSection* const last : {&report.verdict, &report.validity, &report.objectives}) {
    sections.push_back(last);
  }
  return Join(sections);
}

}  // namespace smartbatch::loadgen
