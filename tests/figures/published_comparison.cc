#include "tests/figures/published_comparison.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <fmt/format.h>

namespace smartbatch::test {
namespace {

constexpr double kBehind = 1.02;
constexpr const char* kComparedForms[] = {"seed", "cpu", "gpumax", "gpusum"};

scheduling::StrategyChoice ChoiceOf(std::size_t column) {
  if (column == 1) return {"density", {{"age_exponent", "1"}}};
  return {std::string(kCompared[column]), {}};
}

std::string SummaryCell(const Summary& summary) {
  return fmt::format("{:.2f}, {} of {}, {:.2f}", summary.geometric_mean, summary.lost, summary.cells, summary.worst);
}

Summary Against(const std::vector<ComparedCell>& cells, std::size_t column, std::size_t policy, Latency latency) {
  std::vector<double> ratios;
  for (const ComparedCell& cell : cells) {
    ratios.push_back(ValueOf(cell, column, latency) / ValueOf(cell, policy, latency));
  }
  return Summarize(ratios);
}

std::vector<ComparedCell> OfForm(const std::vector<ComparedCell>& cells, const std::string& form) {
  std::vector<ComparedCell> of_form;
  for (const ComparedCell& cell : cells) {
    if (cell.cell.cost == form) of_form.push_back(cell);
  }
  return of_form;
}

// Look at these before choosing.
std::string WorstCells(std::vector<ComparedCell> cells, Latency latency, const char* name) {
  constexpr std::size_t kShown = 5;
  const auto ratio = [&](const ComparedCell& cell) { return ValueOf(cell, 0, latency) / BestPublished(cell, latency); };
  std::stable_sort(cells.begin(), cells.end(),
                   [&](const ComparedCell& left, const ComparedCell& right) { return ratio(left) > ratio(right); });
  cells.resize(std::min(cells.size(), kShown));
  std::string text = fmt::format(
      "\nThe five cells in which its {} is furthest behind:\n\n"
      "| cell | `density` | the best of the four | ratio |\n|---|--:|--:|--:|\n",
      name);
  for (const ComparedCell& cell : cells) {
    text += fmt::format("| {} | {:.4g} ms | {:.4g} ms | {:.2f} |\n", Describe(cell.cell), ValueOf(cell, 0, latency),
                        BestPublished(cell, latency), ratio(cell));
  }
  return text;
}

}  // namespace

std::vector<Cell> ComparisonCells(std::size_t step) {
  std::vector<Cell> cells;
  std::size_t number = 0;
  for (const char* const form : kComparedForms) {
    for (const CellTrace& trace : CellTraces()) {
      for (const std::uint32_t seats : {5U, 16U, 32U, 64U}) {
        for (const double load : {0.5, 0.7, 0.8, 0.95}) {
          // With a prime step every size and load comes in turn.
          if (number++ % step == 0) cells.push_back({form, seats, trace.name, load, 8000, false});
        }
      }
    }
  }
  return cells;
}

ComparedCell Compare(CellPlayer& player, const Cell& cell, std::uint64_t seed) {
  ComparedCell compared{cell};
  for (std::size_t column = 0; column < kCompared.size(); ++column) {
    const simulation::Result result = player.Play(cell, ChoiceOf(column), seed);
    compared.mean[column] = result.latency_ms.mean;
    compared.p99[column] = result.latency_ms.p99.value_or(NAN);
  }
  return compared;
}

double ValueOf(const ComparedCell& cell, std::size_t policy, Latency latency) {
  return latency == Latency::kMean ? cell.mean[policy] : cell.p99[policy];
}

double BestPublished(const ComparedCell& cell, Latency latency) {
  double best = HUGE_VAL;
  for (std::size_t policy = kFirstPublished; policy < kCompared.size(); ++policy) {
    best = std::min(best, ValueOf(cell, policy, latency));
  }
  return best;
}

Summary Summarize(const std::vector<double>& ratios) {
  Summary summary;
  double logarithms = 0;
  for (const double ratio : ratios) {
    logarithms += std::log(ratio);
    summary.lost += ratio > kBehind ? 1 : 0;
    summary.worst = std::max(summary.worst, ratio);
  }
  summary.cells = ratios.size();
  summary.geometric_mean = ratios.empty() ? 0 : std::exp(logarithms / static_cast<double>(ratios.size()));
  return summary;
}

Summary AgainstBest(const std::vector<ComparedCell>& cells, std::size_t column, Latency latency) {
  std::vector<double> ratios;
  for (const ComparedCell& cell : cells) {
    ratios.push_back(ValueOf(cell, column, latency) / BestPublished(cell, latency));
  }
  return Summarize(ratios);
}

// --- The table ---

std::string LineOf(const ComparedCell& compared) {
  const Cell& cell = compared.cell;
  std::string line = fmt::format("{}\t{}\t{}\t{}", cell.cost, cell.seats, cell.trace, cell.load);
  for (std::size_t column = 0; column < kCompared.size(); ++column) {
    line += fmt::format("\t{:.4g}\t{:.4g}", compared.mean[column], compared.p99[column]);
  }
  return line;
}

std::string TableOf(const std::vector<ComparedCell>& cells) {
  std::string text = "cost\tbatch size\ttrace\tload";
  for (const std::string_view name : kCompared) text += fmt::format("\t{}: mean ms\tp99 ms", name);
  text += '\n';
  for (const ComparedCell& cell : cells) text += LineOf(cell) + "\n";
  return text;
}

absl::StatusOr<std::vector<ComparedCell>> ReadTable(const std::string& text) {
  std::vector<ComparedCell> cells;
  std::istringstream in(text);
  std::string line;
  std::getline(in, line);  // the head
  for (int number = 2; std::getline(in, line); ++number) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    ComparedCell compared;
    compared.cell.requests = 8000;
    bool good = fields.size() == 4 + 2 * kCompared.size();
    if (good) {
      compared.cell.cost = fields[0];
      compared.cell.trace = fields[2];
      good = absl::SimpleAtoi(fields[1], &compared.cell.seats) && absl::SimpleAtod(fields[3], &compared.cell.load);
    }
    for (std::size_t column = 0; good && column < kCompared.size(); ++column) {
      good = absl::SimpleAtod(fields[4 + 2 * column], &compared.mean[column]) &&
             absl::SimpleAtod(fields[5 + 2 * column], &compared.p99[column]);
    }
    if (!good) return absl::InvalidArgumentError(absl::StrCat("line ", number, " is not a cell of the comparison"));
    cells.push_back(compared);
  }
  return cells;
}

std::string MarkdownOf(const std::vector<ComparedCell>& cells) {
  std::string text =
      "| `density` over | mean | p99 | mean with `age_exponent` 1 | p99 with `age_exponent` 1 |\n"
      "|---|--:|--:|--:|--:|\n";
  const auto add = [&](const std::string& name, auto&& summary) {
    text += fmt::format("| {} | {} | {} | {} | {} |\n", name, SummaryCell(summary(0, Latency::kMean)),
                        SummaryCell(summary(0, Latency::kP99)), SummaryCell(summary(1, Latency::kMean)),
                        SummaryCell(summary(1, Latency::kP99)));
  };
  add("**the best of the four in each cell**",
      [&](std::size_t column, Latency latency) { return AgainstBest(cells, column, latency); });
  for (const char* const form : kComparedForms) {
    const std::vector<ComparedCell> of_form = OfForm(cells, form);
    add(fmt::format("the best of the four, cost `{}`", form),
        [&](std::size_t column, Latency latency) { return AgainstBest(of_form, column, latency); });
  }
  for (std::size_t policy = kFirstPublished; policy < kCompared.size(); ++policy) {
    add(fmt::format("`{}`", kCompared[policy]),
        [&](std::size_t column, Latency latency) { return Against(cells, column, policy, latency); });
  }
  return text + WorstCells(cells, Latency::kMean, "mean") + WorstCells(cells, Latency::kP99, "p99");
}

}  // namespace smartbatch::test
