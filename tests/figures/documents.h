// The figures in the documents: written by the program that measures them, and checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tests/figures/published_comparison.h"

namespace smartbatch::test {

// Replaces what stands between the lines `<!-- figures: NAME -->` and `<!-- end of figures -->`. Returns nothing if the
// text has no such lines. A document holds each name once.
absl::StatusOr<std::string> WithBlock(const std::string& text, const std::string& name, const std::string& block);
// Returns what stands between these lines.
absl::StatusOr<std::string> BlockOf(const std::string& text, const std::string& name);
// The names of all blocks, in their order.
std::vector<std::string> BlockNames(const std::string& text);

// What a block must hold: `text`, of one or more lines with their ends. If `ending` is not empty, it is one line, which
// begins with `text` and ends with `ending`, and anything may stand between.
struct Expected {
  std::string text;
  std::string ending = {};
};
// FAILED_PRECONDITION, which quotes the line, if the block holds anything else than this, in this order.
absl::Status CheckBlock(const std::string& block, const std::vector<Expected>& all);

// A strategy's latencies at a load of the workload seedopen, in ms.
struct LoadPoint {
  std::string strategy;
  double rho = 0;
  double mean = 0;
  double p99 = 0;
};

enum class Document : std::uint8_t { kBenchmarks, kStrategies };

// A folder of documents: BENCHMARKS.md, STRATEGIES.md and images/. Errors name the document, and the block.
class Documents {
 public:
  explicit Documents(std::string folder) : folder_(std::move(folder)) {}

  // Writes a table, as printed in Markdown, into its block.
  absl::Status WriteTable(Document document, const std::string& name, const std::string& table) const;
  // CheckBlock.
  absl::Status CheckTable(Document document, const std::string& name, const std::vector<Expected>& all) const;
  // FAILED_PRECONDITION if a document holds a block that nobody writes: it is neither among these names nor the
  // comparison with published policies.
  absl::Status CheckNames(Document document, const std::vector<std::string>& names) const;

  // Writes the comparison with published policies: its cells, the tables made from them, and the picture.
  absl::Status WriteComparison(const std::vector<ComparedCell>& cells) const;
  // FAILED_PRECONDITION if the tables or the picture do not match the kept cells.
  absl::Status CheckComparison() const;
  absl::StatusOr<std::vector<ComparedCell>> KeptComparison() const;

  // What images/latency_by_load.png is drawn from. FAILED_PRECONDITION names a line that is not a point.
  absl::StatusOr<std::vector<LoadPoint>> LatencyByLoad() const;

 private:
  std::string PathOf(Document document) const;

  const std::string folder_;
};

}  // namespace smartbatch::test
