// Compares density with the published policies, cell by cell: played, kept as a table, summed up and drawn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "tests/figures/cells.h"

namespace smartbatch::test {

// The columns: density as it is and for the tail, then the published policies.
inline constexpr std::array<std::string_view, 6> kCompared = {
    "density", "density, age_exponent 1", "triton", "tei", "turbo", "multibin"};
inline constexpr std::size_t kFirstPublished = 2;

struct ComparedCell {
  Cell cell;
  // In milliseconds, in the order of kCompared.
  std::array<double, kCompared.size()> mean{};
  std::array<double, kCompared.size()> p99{};
};

// Every `step`-th of the 512 cells: four cost forms, batches of 5, 16, 32 and 64, eight traces, four loads.
std::vector<Cell> ComparisonCells(std::size_t step);
ComparedCell Compare(CellPlayer& player, const Cell& cell, std::uint64_t seed);

enum class Latency : std::uint8_t { kMean, kP99 };
double ValueOf(const ComparedCell& cell, std::size_t policy, Latency latency);
// The least of the published policies.
double BestPublished(const ComparedCell& cell, Latency latency);

struct Summary {
  double geometric_mean = 0;
  std::size_t lost = 0;  // cells in which it is more than 2 % behind
  std::size_t cells = 0;
  double worst = 0;
};
Summary Summarize(const std::vector<double>& ratios);
// Sums up the ratios of the column to the best published policy of each cell.
Summary AgainstBest(const std::vector<ComparedCell>& cells, std::size_t column, Latency latency);

// --- The table as it is kept, and what is written from it ---

// A line for each cell, below a head; four digits.
std::string TableOf(const std::vector<ComparedCell>& cells);
// INVALID_ARGUMENT names the line that is wrong.
absl::StatusOr<std::vector<ComparedCell>> ReadTable(const std::string& text);
// One line of the table, without its end.
std::string LineOf(const ComparedCell& cell);
// The tables of the document.
std::string MarkdownOf(const std::vector<ComparedCell>& cells);
// How the ratios of density to each policy are spread over the cells, as an SVG image.
std::string PictureOf(const std::vector<ComparedCell>& cells);

}  // namespace smartbatch::test
