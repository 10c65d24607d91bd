// figures: measures what the documents promise of the strategies, in virtual time, and says of each line whether it
// holds. The same options give the same bytes.
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "tests/figures/figure_table.h"

namespace smartbatch::test {
namespace {

constexpr char kExamples[] = R"(Examples:
  figures                      every figure, 200,000 requests and 3 seeds a cell: some minutes of one core
  figures --small              60,000 requests and 1 seed, bounds 5 % wider: half a minute, what CI runs
  figures --only "seedopen 0.7"
  figures --only adaptive --requests 100000 --seeds 1
Exit codes: 0 every bound holds; 1 at least one does not; 2 wrong usage.)";

struct Flags {
  bool small = false;
  std::uint64_t requests = 0;
  std::uint64_t seeds = 0;
  std::string only;
  std::string format = "text";
};

Scale Small() { return {60'000, 1, 500, 200'000}; }

// Fewer requests tell less: in the small form the bounds are wider by this share.
constexpr double kSmallSlack = 0.05;

void Widen(Figure& figure) {
  figure.bound *= figure.bound_kind == Figure::Bound::kAtMost ? 1 + kSmallSlack : 1 - kSmallSlack;
}

std::string BoundOf(const Figure& figure) {
  return fmt::format("{} {:.4g}", figure.bound_kind == Figure::Bound::kAtMost ? "<=" : ">=", figure.bound);
}

std::string RangeOf(const Measurement& measured, std::uint64_t seeds) {
  return seeds == 1 ? "" : fmt::format("{:.3f} to {:.3f}", measured.least, measured.most);
}

class Printer {
 public:
  Printer(bool markdown, std::uint64_t seeds) : markdown_(markdown), seeds_(seeds) {}

  void Print(const Figure& figure, const Measurement& measured) {
    if (figure.group != group_) StartGroup(figure.group);
    const char* const verdict = measured.holds ? "holds" : "DOES NOT HOLD";
    const std::string range = RangeOf(measured, seeds_);
    if (markdown_) {
      fmt::print("| {} | {:.3f} | {} | {} | {} | {} | {} |\n", figure.name, measured.value, range, BoundOf(figure),
                 verdict, seeds_, figure.requests);
    } else {
      fmt::print("{:<78} {:>8.3f}  {:<16} {:>8}  {:<13} {:>5} {:>8}\n", figure.name, measured.value, range,
                 BoundOf(figure), verdict, seeds_, figure.requests);
    }
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
      fmt::print("\n**{}**\n\n| figure | measured | over the seeds | bound | | seeds | requests |\n", group);
      fmt::print("|---|--:|--:|--:|---|--:|--:|\n");
    } else {
      fmt::print("\n{}\n", group);
    }
  }

  const bool markdown_;
  const std::uint64_t seeds_;
  std::string group_;
  std::vector<std::string> notes_;
};

Scale ScaleOf(const Flags& flags) {
  Scale scale = flags.small ? Small() : Scale();
  if (flags.requests > 0) scale.requests = flags.requests;
  if (flags.seeds > 0) scale.seeds = flags.seeds;
  return scale;
}

int Run(const Flags& flags) {
  const Scale scale = ScaleOf(flags);
  Laboratory laboratory(scale);
  Printer printer(flags.format == "markdown", scale.seeds);
  int lines = 0;
  int broken = 0;
  for (Figure figure : AllFigures(scale)) {
    if (flags.small) Widen(figure);
    const bool wanted = (figure.group + ": " + figure.name).find(flags.only) != std::string::npos;
    if (!wanted) continue;
    const Measurement measured = Measure(figure, laboratory);
    printer.Print(figure, measured);
    ++lines;
    broken += measured.holds ? 0 : 1;
  }
  printer.PrintNotes();
  fmt::print("\n{} figures, {} hold, {} do not\n", lines, lines - broken, broken);
  if (lines == 0) {
    fmt::print(stderr, "figures: no figure's name holds '{}'; without --only all are measured\n", flags.only);
    return 2;
  }
  return broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace smartbatch::test

int main(int argc, char** argv) {
  smartbatch::test::Flags flags;
  CLI::App program("Measures what the documents promise of the strategies, and says whether it holds", "figures");
  program.footer(smartbatch::test::kExamples);
  program.add_flag("--small", flags.small, "Fewer requests, one seed, and bounds that are 5 % wider");
  program.add_option("--requests", flags.requests, "Requests of a simulation instead of the form's")
      ->check(CLI::Range(1000, 100'000'000));
  program.add_option("--seeds", flags.seeds, "Seeds, from 1 on, instead of the form's")->check(CLI::Range(1, 100));
  program.add_option("--only", flags.only, "Only the figures whose group or name holds this text");
  program.add_option("--format", flags.format, "text or markdown")
      ->check(CLI::IsMember({"text", "markdown"}))
      ->capture_default_str();
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : 2;
  }
  return smartbatch::test::Run(flags);
}
