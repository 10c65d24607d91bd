// The figures as they stand in the documents: written by the program that measures them, and checked.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tests/figures/published_comparison.h"

namespace smartbatch::test {

// The text with what stands between the lines `<!-- figures: NAME -->` and `<!-- end of figures -->` replaced; nothing
// if it has no such lines. A document holds each name once.
absl::StatusOr<std::string> WithBlock(const std::string& text, const std::string& name, const std::string& block);
// What stands there.
absl::StatusOr<std::string> BlockOf(const std::string& text, const std::string& name);

// A folder of documents: BENCHMARKS.md, STRATEGIES.md and images/.
class Documents {
 public:
  explicit Documents(std::string folder) : folder_(std::move(folder)) {}

  // A group's table in BENCHMARKS.md, as it is printed in Markdown. The group's name is its block's.
  absl::Status WriteGroup(const std::string& group, const std::string& table) const;
  // The line of the group's table that begins so, its end included. FAILED_PRECONDITION if there is none.
  absl::StatusOr<std::string> LineOf(const std::string& group, const std::string& beginning) const;

  // The comparison with published policies: its cells, the tables made of them, and the picture.
  absl::Status WriteComparison(const std::vector<ComparedCell>& cells) const;
  // FAILED_PRECONDITION if the tables or the picture are not those of the cells that are kept.
  absl::Status CheckComparison() const;
  absl::StatusOr<std::vector<ComparedCell>> KeptComparison() const;

 private:
  const std::string folder_;
};

}  // namespace smartbatch::test
