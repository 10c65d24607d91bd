// figures: measures in virtual time what the documents promise of the strategies, and says for each line whether it
// holds. The same options give the same bytes.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tests/figures/documents.h"
#include "tests/figures/figure_table.h"
#include "tests/figures/strategy_tables.h"

namespace smartbatch::test {
namespace {

constexpr char kExamples[] = R"(Examples:
  figures                      every figure, 200,000 requests and 3 seeds a cell: twenty minutes of one core
  figures --small              60,000 requests and 1 seed, bounds 5 % wider: two minutes, what CI runs
  figures --only "seedopen 0.7"
  figures --only adaptive --requests 100000 --seeds 1
  figures --write docs         the same as the first, into BENCHMARKS.md, STRATEGIES.md and images/; --only some of it
  figures --check docs         checks these: reads all bounds, and measures again the figures that take no minutes
Exit codes: 0 every bound holds; 1 at least one does not, or a document is stale; 2 wrong usage.)";

struct Flags {
  bool small = false;
  std::uint64_t requests = 0;
  std::uint64_t seeds = 0;
  std::string only;
  std::string format = "text";
  std::string write;
  std::string check;
};

Scale Small() {
  return {.requests = 60'000, .seeds = 1, .instances = 500, .flood_requests = 200'000, .cells_step = 17};
}

// Fewer requests are less exact: in the small form the bounds are wider by this share.
constexpr double kSmallSlack = 0.05;
// The step with which --check plays kept cells of the comparison again.
constexpr std::size_t kCheckedCells = 61;
// A picture may be wrong by this share, four pixels on its logarithmic scale.
constexpr double kVisibleShare = 0.05;

void Widen(Figure& figure) {
  figure.bound *= figure.bound_kind == Figure::Bound::kAtMost ? 1 + kSmallSlack : 1 - kSmallSlack;
}

std::string BoundOf(const Figure& figure) {
  return fmt::format("{} {:.4g}", figure.bound_kind == Figure::Bound::kAtMost ? "<=" : ">=", figure.bound);
}

constexpr char kHead[] =
    "| figure | measured | over the seeds | bound | | seeds | requests |\n|---|--:|--:|--:|---|--:|--:|\n";

std::string LineOf(const Figure& figure, const Measurement& measured, bool markdown) {
  const std::string range = measured.seeds == 1 ? "" : fmt::format("{:.3f} to {:.3f}", measured.least, measured.most);
  return fmt::format(fmt::runtime(markdown ? "| {} | {:.3f} | {} | {} | {} | {} | {} |\n"
                                           : "{:<78} {:>8.3f}  {:<16} {:>8}  {:<13} {:>5} {:>8}\n"),
                     figure.name, measured.value, range, BoundOf(figure), measured.holds ? "holds" : "DOES NOT HOLD",
                     measured.seeds, figure.requests);
}

class Printer {
 public:
  explicit Printer(bool markdown) : markdown_(markdown) {}

  void Print(const Figure& figure, const Measurement& measured) {
    if (figure.group != group_) StartGroup(figure.group);
    fmt::print("{}", LineOf(figure, measured, markdown_));
    if (!figure.note.empty()) notes_.push_back(figure.name + ": " + figure.note);
    std::fflush(stdout);
  }
  void PrintNotes() const {
    for (const std::string& note : notes_) fmt::print("\n{}\n", note);
  }

 private:
  void StartGroup(const std::string& group) {
    group_ = group;
    if (markdown_) {
      fmt::print("\n**{}**\n\n{}", group, kHead);
    } else {
      fmt::print("\n{}\n", group);
    }
  }

  const bool markdown_;
  std::string group_;
  std::vector<std::string> notes_;
};

Scale ScaleOf(const Flags& flags) {
  Scale scale = flags.small ? Small() : Scale();
  if (flags.requests > 0) scale.requests = flags.requests;
  if (flags.seeds > 0) scale.seeds = flags.seeds;
  return scale;
}

bool IsWanted(const Figure& figure, const Flags& flags) {
  return (figure.group + ": " + figure.name).find(flags.only) != std::string::npos;
}

int Report(const absl::Status& status) {
  fmt::print(stderr, "figures: {}\n", std::string(status.message()));
  return 1;
}

int Run(const Flags& flags) {
  Laboratory laboratory(ScaleOf(flags));
  Printer printer(flags.format == "markdown");
  std::map<std::string, std::string> tables;  // by group
  int lines = 0;
  int broken = 0;
  for (Figure figure : AllFigures(laboratory.scale())) {
    if (flags.small) Widen(figure);
    if (!IsWanted(figure, flags)) continue;
    const Measurement measured = Measure(figure, laboratory);
    printer.Print(figure, measured);
    std::string& table = tables.try_emplace(figure.group, kHead).first->second;
    table += LineOf(figure, measured, /*markdown=*/true);
    ++lines;
    broken += measured.holds ? 0 : 1;
  }
  printer.PrintNotes();
  fmt::print("\n{} figures, {} hold, {} do not\n", lines, lines - broken, broken);
  if (lines == 0) {
    fmt::print(stderr, "figures: no figure's name holds '{}'; without --only all are measured\n", flags.only);
    return 2;
  }
  if (!flags.write.empty()) {
    const Documents documents(flags.write);
    for (const auto& [group, table] : tables) {
      if (auto status = documents.WriteTable(Document::kBenchmarks, group, table); !status.ok()) return Report(status);
    }
    for (const StrategyTable& table : StrategyTables()) {
      if (!tables.contains(table.group)) continue;
      const auto status = documents.WriteTable(Document::kStrategies, table.name, MarkdownOf(table, laboratory));
      if (!status.ok()) return Report(status);
    }
    const auto* const cells = laboratory.KnownComparison(1, 1);
    if (cells != nullptr) {
      if (auto status = documents.WriteComparison(*cells); !status.ok()) return Report(status);
    }
  }
  return broken == 0 ? 0 : 1;
}

// Checks that the kept cells are those of today, and plays some of them again.
absl::Status CheckCells(const Documents& documents) {
  const auto kept = documents.KeptComparison();
  if (!kept.ok()) return kept.status();
  const std::vector<Cell> cells = ComparisonCells(1);
  if (kept->size() != cells.size()) return absl::FailedPreconditionError("other cells are kept than are compared");
  CellPlayer player;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if ((*kept)[i].cell != cells[i]) return absl::FailedPreconditionError("other cells are kept than are compared");
    if (i % kCheckedCells != 0) continue;
    const std::string played = LineOf(Compare(player, cells[i], 1));
    if (played == LineOf((*kept)[i])) continue;
    return absl::FailedPreconditionError(fmt::format(
        "images/published_policies.tsv differs from what is measured of {}: {}", Describe(cells[i]), played));
  }
  return absl::OkStatus();
}

// What must stand in the blocks of BENCHMARKS.md, by group.
std::map<std::string, std::vector<Expected>> ExpectedGroups(Laboratory& laboratory) {
  std::map<std::string, std::vector<Expected>> groups;
  for (const Figure& figure : AllFigures(laboratory.scale())) {
    std::vector<Expected>& lines = groups.try_emplace(figure.group, 1, Expected{kHead}).first->second;
    if (figure.is_cheap) {
      lines.push_back({LineOf(figure, Measure(figure, laboratory), /*markdown=*/true)});
    } else {
      lines.push_back(
          {fmt::format("| {} |", figure.name), fmt::format(" | {} | holds | {} | {} |", BoundOf(figure),
                                                           SeedsOf(figure, laboratory.scale()), figure.requests)});
    }
  }
  return groups;
}

// The same of STRATEGIES.md, by name.
std::map<std::string, std::vector<Expected>> ExpectedTables(Laboratory& laboratory) {
  std::map<std::string, std::vector<Expected>> tables;
  for (const StrategyTable& table : StrategyTables()) {
    std::vector<Expected>& lines = tables[table.name];
    lines.push_back({table.head});
    for (const StrategyTable::Row& row : table.rows) {
      lines.push_back(row.is_cheap ? Expected{LineOf(row, laboratory)} : Expected{BeginningOf(row), " |"});
    }
  }
  return tables;
}

absl::Status CheckBlocks(const Documents& documents, Document document,
                         const std::map<std::string, std::vector<Expected>>& blocks) {
  std::vector<std::string> names;
  for (const auto& [name, lines] : blocks) {
    if (auto status = documents.CheckTable(document, name, lines); !status.ok()) return status;
    names.push_back(name);
  }
  return documents.CheckNames(document, names);
}

// Plays some points of the picture again. It is drawn by another program, so small differences may stay: nobody sees
// them.
absl::Status CheckLatencyByLoad(const Documents& documents, Laboratory& laboratory) {
  const auto points = documents.LatencyByLoad();
  if (!points.ok()) return points.status();
  int played = 0;
  for (const LoadPoint& point : *points) {
    const bool is_quick = point.strategy == kDensity.name || point.strategy == kWeightedFair.name;
    if (!is_quick || (point.rho != 0.5 && point.rho != 0.7)) continue;
    const simulation::Result& result = laboratory.Play({"seedopen", point.rho, {point.strategy, {}}}, 1);
    const double off = std::max(std::abs(point.mean / Mean(result) - 1), std::abs(point.p99 / P99(result) - 1));
    if (off > kVisibleShare) {
      return absl::FailedPreconditionError(
          fmt::format("images/latency_by_load.png is {:.0f} % off for {} at rho {}; draw it again: "
                      "docs/images/latency_by_load.sh LOADGEN",
                      100 * off, point.strategy, point.rho));
    }
    ++played;
  }
  if (played == 4) return absl::OkStatus();
  return absl::FailedPreconditionError("images/latency_by_load.tsv lacks density or weighted_fair at rho 0.5 or 0.7");
}

int Check(const Flags& flags) {
  const Documents documents(flags.check);
  if (auto status = documents.CheckComparison(); !status.ok()) return Report(status);
  if (auto status = CheckCells(documents); !status.ok()) return Report(status);
  Laboratory laboratory{Scale()};
  const auto tables = ExpectedTables(laboratory);
  if (auto status = CheckBlocks(documents, Document::kStrategies, tables); !status.ok()) return Report(status);
  if (auto status = CheckLatencyByLoad(documents, laboratory); !status.ok()) return Report(status);
  const auto groups = ExpectedGroups(laboratory);
  if (auto status = CheckBlocks(documents, Document::kBenchmarks, groups); !status.ok()) return Report(status);
  fmt::print("{} tables stand in the documents as they are promised\n", tables.size() + groups.size());
  return 0;
}

}  // namespace
}  // namespace smartbatch::test

int main(int argc, char** argv) {
  smartbatch::test::Flags flags;
  CLI::App program("Measures what the documents promise of the strategies, and says whether it holds", "figures");
  program.footer(smartbatch::test::kExamples);
  CLI::Option* const small =
      program.add_flag("--small", flags.small, "Fewer requests, one seed, and bounds that are 5 % wider");
  program.add_option("--requests", flags.requests, "Requests of a simulation instead of the form's")
      ->check(CLI::Range(1000, 100'000'000));
  program.add_option("--seeds", flags.seeds, "Seeds, from 1 on, instead of the form's")->check(CLI::Range(1, 100));
  program.add_option("--only", flags.only, "Only the figures whose group or name holds this text");
  program.add_option("--format", flags.format, "text or markdown")
      ->check(CLI::IsMember({"text", "markdown"}))
      ->capture_default_str();
  CLI::Option* const write =
      program.add_option("--write", flags.write, "The folder of the documents to write what is measured into");
  CLI::Option* const check =
      program.add_option("--check", flags.check, "The folder of the documents to check, and measure no more than that");
  write->excludes(check)->excludes(small);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  return flags.check.empty() ? smartbatch::test::Run(flags) : smartbatch::test::Check(flags);
}
