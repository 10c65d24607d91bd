// The figures in the documents: written by the program that measures them, and checked.
#pragma once

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

// A folder of documents: BENCHMARKS.md, STRATEGIES.md and images/.
class Documents {
 public:
  explicit Documents(std::string folder) : folder_(std::move(folder)) {}

  // Writes a group's table, as printed in Markdown, into BENCHMARKS.md. The block has the group's name.
  absl::Status WriteGroup(const std::string& group, const std::string& table) const;
  // The line of the group's table that begins with `beginning`, with its line end. FAILED_PRECONDITION if there is
  // none.
  absl::StatusOr<std::string> LineOf(const std::string& group, const std::string& beginning) const;

  // Writes the tables that have the strategies beside one another into STRATEGIES.md.
  absl::Status WriteStrategyTables(const std::string& tables) const;
  // FAILED_PRECONDITION if these lines are not in the tables.
  absl::Status CheckStrategyTables(const std::vector<std::string>& lines) const;

  // Writes the comparison with published policies: its cells, the tables made from them, and the picture.
  absl::Status WriteComparison(const std::vector<ComparedCell>& cells) const;
  // FAILED_PRECONDITION if the tables or the picture do not match the kept cells.
  absl::Status CheckComparison() const;
  absl::StatusOr<std::vector<ComparedCell>> KeptComparison() const;

 private:
  const std::string folder_;
};

}  // namespace smartbatch::test
